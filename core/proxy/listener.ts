/** A listening port and the sockets that came through it. */
import net from 'node:net';
import { topOf } from '../tls/client-tls.ts';

/** Ports tried after the wanted one when that is taken. */
const PORTS_TRIED = 100;

/**
 * What a slow client may have waiting for it. Node's own 16 KiB is less than one chunk it reads (64 KiB): every chunk of a
 * large result would stop the server's socket and start it again.
 */
const BUFFER_BYTES = 256 * 1024;

/** Where to listen; with `portFallback` a taken port is followed by the next free one. */
export interface ListenAt {
  readonly host: string;
  readonly port: number;
  readonly portFallback?: boolean;
}

/** See the head of this file. */
export class Listener {
  /** Settles once it accepts nobody any more and the last client has gone. */
  readonly emptied: Promise<void>;
  readonly #server: net.Server;
  readonly #sockets = new Set<net.Socket>();

  /** `onSocket`: a client came; `onError`: the listener failed after it had started. */
  constructor(onSocket: (socket: net.Socket) => void, onError: (error: Error) => void) {
    // `allowHalfOpen`: a client that sends a query and then FIN must still get its answer (pooling.md 1.2).
    this.#server = net.createServer({ allowHalfOpen: true, noDelay: true, highWaterMark: BUFFER_BYTES }, (socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
      // Every stage has its own handler; this one only keeps a late error from being an uncaught one.
      socket.on('error', () => {});
      onSocket(socket);
    });
    this.emptied = new Promise((resolve) => this.#server.once('close', () => resolve()));
    this.#server.on('error', (error) => {
      if (this.#server.listening) onError(error);
    });
  }

  /** Starts to listen. Rejects when no port can be bound. */
  async listen(at: ListenAt): Promise<{ host: string; port: number }> {
    for (let port = at.port; ; port++) {
      try {
        await this.#bind(at.host, port);
        break;
      } catch (error) {
        const taken = (error as NodeJS.ErrnoException).code === 'EADDRINUSE';
        if (!taken || at.portFallback !== true || port >= Math.min(65_535, at.port + PORTS_TRIED)) throw error;
      }
    }
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('the listener has no port');
    return { host: at.host, port: address.port };
  }

  #bind(host: string, port: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen({ host, port, backlog: 511 }, () => {
        this.#server.off('error', reject);
        resolve();
      });
    });
  }

  /** Accepts nobody any more. */
  refuse(): void {
    this.#server.close();
  }

  /** Ends what is still connected, and cuts what has not gone after `graceMs`. */
  async close(graceMs: number): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    const deadline = setTimeout(() => {
      for (const socket of this.#sockets) socket.destroy();
    }, graceMs);
    for (const socket of this.#sockets) {
      const top = topOf(socket);
      if (!top.writableEnded) top.end();
    }
    await closed;
    clearTimeout(deadline);
  }
}
