/** A man in the middle: ends the clients' TLS with a certificate of his own, and begins another one to the server. */
import net from 'node:net';
import tls from 'node:tls';
import type { Issued } from './certificates.ts';
import { sslRequest } from './wire-client.ts';

/** He listens. */
export interface Middle {
  readonly port: number;
  close(): Promise<void>;
}

/** Starts one in front of a server on loopback that takes TLS. */
export async function startMiddle(port: number, issued: Issued): Promise<Middle> {
  const sockets = new Set<net.Socket>();
  const keep = <S extends net.Socket>(socket: S): S => {
    sockets.add(socket);
    socket.on('error', () => {}).on('close', () => sockets.delete(socket));
    return socket;
  };
  const secureContext = tls.createSecureContext({ cert: issued.certificate, key: issued.key });
  const server = net.createServer((client) => {
    keep(client).once('data', () => {
      client.write('S');
      const near = keep(new tls.TLSSocket(client, { isServer: true, secureContext, ALPNProtocols: ['postgresql'] }));
      const plain = keep(net.connect(port, '127.0.0.1'));
      plain.write(sslRequest);
      plain.once('data', () => {
        const far = keep(tls.connect({ socket: plain, rejectUnauthorized: false, ALPNProtocols: ['postgresql'] }));
        near.pipe(far).pipe(near);
        near.on('close', () => far.destroy());
        far.on('close', () => near.destroy());
      });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as net.AddressInfo).port,
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
