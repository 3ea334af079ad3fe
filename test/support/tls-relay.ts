/** Relays in front of a real server with TLS: one that only looks at what is said in clear, and one that breaks into the encryption. */
import { once } from 'node:events';
import net from 'node:net';
import tls from 'node:tls';
import type { Issued } from './certificates.ts';
import { sslRequest } from './wire-client.ts';

/** A relay on loopback. */
export interface TlsRelay {
  readonly port: number;
  close(): Promise<void>;
}

/** Passes bytes on; `openings` has the request code each connection began with (80877103: SSLRequest; 80877102: CancelRequest). */
export async function startLookout(serverPort: number): Promise<TlsRelay & { readonly openings: number[] }> {
  const openings: number[] = [];
  const relay = await listen((client) => {
    const upstream = net.connect(serverPort, '127.0.0.1');
    client.once('data', (chunk: Buffer) => openings.push(chunk.readInt32BE(4)));
    client.pipe(upstream);
    upstream.pipe(client);
    return upstream;
  });
  return { ...relay, openings };
}

/**
 * Speaks TLS with both sides, towards the client with a certificate of its own. `rewrite` may change what the server says.
 */
export function startImpostor(serverPort: number, own: Issued, rewrite: (bytes: Buffer) => Buffer = (bytes) => bytes): Promise<TlsRelay> {
  const secureContext = tls.createSecureContext({ cert: own.certificate, key: own.key });
  return listen((client) => {
    const upstream = net.connect(serverPort, '127.0.0.1');
    void (async () => {
      await Promise.all([once(client, 'data'), once(upstream, 'connect')]);
      upstream.write(sslRequest);
      await once(upstream, 'data');
      const server = tls.connect({ socket: upstream, rejectUnauthorized: false, ALPNProtocols: ['postgresql'] });
      server.on('error', () => {});
      await once(server, 'secureConnect');
      client.write('S');
      const inside = new tls.TLSSocket(client, { isServer: true, secureContext });
      inside.on('error', () => {});
      inside.pipe(server);
      server.on('data', (chunk: Buffer) => inside.write(rewrite(chunk)));
      server.on('end', () => inside.end());
    })().catch(() => client.destroy());
    return upstream;
  });
}

async function listen(onClient: (client: net.Socket) => net.Socket): Promise<TlsRelay> {
  const sockets = new Set<net.Socket>();
  const server = net.createServer((client) => {
    const upstream = onClient(client);
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => {
        sockets.delete(socket);
        // What is written already still has to arrive.
        other.end();
      });
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as net.AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}
