/** Ends a client's connection so that it can still read the last words. */
import type net from 'node:net';

const LINGER_MS = 2_000;
/** How long a client may take to read what was meant for it before. */
const FLUSH_MS = 60_000;

/**
 * Sends `lastWords`, then FIN, and drops what the client still sends: closing with unread input would make the kernel send RST,
 * and the client could lose the message. Destroys the socket when the client does not close within two seconds after it got
 * everything, or does not take it within a minute.
 */
export function farewell(socket: net.Socket, lastWords?: Buffer): void {
  if (socket.destroyed) return;
  socket.removeAllListeners('data');
  socket.on('error', () => {});
  let timer = setTimeout(() => socket.destroy(), FLUSH_MS);
  socket.once('finish', () => {
    clearTimeout(timer);
    timer = setTimeout(() => socket.destroy(), LINGER_MS);
  });
  socket.once('close', () => clearTimeout(timer));
  if (lastWords === undefined) socket.end();
  else socket.end(lastWords);
  socket.resume();
}
