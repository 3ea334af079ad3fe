/** Ends a client's connection so that it can still read the last words. */
import type net from 'node:net';

const LINGER_MS = 2_000;

/**
 * Sends `lastWords`, then FIN, and drops what the client still sends: closing with unread input would make the kernel send RST,
 * and the client could lose the message. Destroys the socket when the client does not close within two seconds.
 */
export function farewell(socket: net.Socket, lastWords?: Buffer): void {
  if (socket.destroyed) return;
  socket.removeAllListeners('data');
  socket.on('error', () => {});
  const timer = setTimeout(() => socket.destroy(), LINGER_MS);
  socket.once('close', () => clearTimeout(timer));
  if (lastWords === undefined) socket.end();
  else socket.end(lastWords);
  socket.resume();
}
