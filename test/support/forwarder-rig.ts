/** A forwarder between a raw client and a real server, without the proxy around it: what it says about itself can be asked. */
import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { dial } from '../../core/backend/dial.ts';
import { loginFor } from '../../core/backend/login.ts';
import { parseBackendUrl } from '../../core/endpoints/map.ts';
import { Forwarder } from '../../core/session/forwarder.ts';
import type { ForwarderEnd } from '../../core/session/lessee.ts';
import { SessionJournal } from '../../core/session/journal.ts';
import { WireClient } from './wire-client.ts';

/** One session: the client is past its login. */
export interface Rig {
  readonly client: WireClient;
  readonly forwarder: Forwarder;
  /** How the session ended; never settles before. */
  readonly ended: Promise<ForwarderEnd>;
  /** The proxy's end of the client's connection. */
  readonly socket: Socket;
  close(): void;
}

/** Connects a client to a backend through a forwarder. */
export async function startRig(url: string, database = 'postgres'): Promise<Rig> {
  const spec = { id: 'rig', ...parseBackendUrl(url) };
  const server = await dial(loginFor(spec, 'postgres', database, new Map()));
  const listener = createServer({ allowHalfOpen: true, noDelay: true }).listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const accepted = once(listener, 'connection') as Promise<[Socket]>;
  const client = await WireClient.open((listener.address() as AddressInfo).port);
  const [socket] = await accepted;
  listener.close();
  let onEnd: (end: ForwarderEnd) => void = () => undefined;
  const ended = new Promise<ForwarderEnd>((resolve) => (onEnd = resolve));
  const forwarder = new Forwarder(socket, 1, new SessionJournal([]), {
    bereaved: () => null,
    ended: (end) => {
      socket.end();
      onEnd(end);
    },
  });
  forwarder.start(server);
  return {
    client,
    forwarder,
    socket,
    ended,
    close: () => {
      client.destroy();
      socket.destroy();
      server.destroy();
    },
  };
}
