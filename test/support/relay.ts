/**
 * A TCP relay in front of a real server that can turn bad at a chosen moment: when the proxy has sent a chosen text for the
 * n-th time. For faults that a real server cannot be told to make.
 */
import net from 'node:net';

/** What the relay does once its moment has come. */
export type Fault = 'silence' | 'close' | 'reset';

/** A relay. */
export interface Relay {
  readonly port: number;
  /** Arms the fault: on every connection, when `text` passes towards the server for the `nth` time (the text itself is held back). */
  arm(fault: Fault, text: string, nth?: number): void;
  /** Ends a silence: what was held flows on. Also disarms. */
  release(): void;
  /** What the servers say from here on is held until `unmute`. */
  mute(): void;
  unmute(): void;
  /** Resolves when the fault has struck. */
  struck(): Promise<void>;
  close(): Promise<void>;
}

/** Starts a relay to a server on loopback. */
export async function startRelay(serverPort: number): Promise<Relay> {
  let armed: { fault: Fault; text: string; nth: number; seen: WeakMap<net.Socket, number> } | null = null;
  let strike: () => void = () => {};
  let struck = Promise.resolve();
  const sockets = new Set<net.Socket>();
  const held: (() => void)[] = [];
  let muted: (() => void)[] | null = null;

  const server = net.createServer((client) => {
    const upstream = net.connect(serverPort, '127.0.0.1');
    let silent = false;
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => {
        sockets.delete(socket);
        other.destroy();
      });
    }
    client.on('data', (chunk: Buffer) => {
      if (armed !== null && !silent && chunk.includes(armed.text)) {
        armed.seen.set(client, (armed.seen.get(client) ?? 0) + 1);
      }
      if (armed !== null && !silent && chunk.includes(armed.text) && armed.seen.get(client) === armed.nth) {
        strike();
        if (armed.fault === 'close') upstream.destroy();
        else if (armed.fault === 'reset') client.resetAndDestroy();
        else silent = true;
      }
      const forward = (): void => void upstream.write(chunk);
      if (silent) {
        held.push(() => {
          silent = false;
          forward();
        });
      } else if (!upstream.destroyed) forward();
    });
    upstream.on('data', (chunk: Buffer) => {
      if (muted === null) client.write(chunk);
      else muted.push(() => client.write(chunk));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));

  return {
    port: (server.address() as net.AddressInfo).port,
    arm(fault, text, nth = 1) {
      armed = { fault, text, nth, seen: new WeakMap() };
      struck = new Promise((resolve) => (strike = resolve));
    },
    release() {
      armed = null;
      for (const flow of held.splice(0)) flow();
    },
    mute() {
      muted ??= [];
    },
    unmute() {
      const said = muted ?? [];
      muted = null;
      for (const say of said) say();
    },
    struck: () => struck,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}
