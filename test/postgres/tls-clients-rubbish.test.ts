/** Damaged TLS greetings, and damaged records behind them: each ends its own client, and nothing else. Seeded; the seed is printed. */
import { once } from 'node:events';
import net from 'node:net';
import { Duplex } from 'node:stream';
import { connect } from 'node:tls';
import { expect, it } from 'vitest';
import { encrypting, useClientTls } from '../support/client-tls.ts';
import { useCluster } from '../support/cluster.ts';
import { useYard } from '../support/yard.ts';
import { rows, sslRequest, startup, WireClient } from '../support/wire-client.ts';

const cluster = useCluster();
const files = useClientTls();
const yard = useYard(() => ({ endpoints: { 'ep-a': cluster().url() }, options: { settings: encrypting('allow', files) } }));

const seed = Number(process.env['SWITCHYARD_TLS_SEED'] ?? Date.now() % 1_000_000_007);
const CASES = 400;
const AT_ONCE = 8;

/** Park and Miller's generator: from 0 up to `below`. */
let state = (seed % 2_147_483_646) + 1;
const random = (below: number): number => {
  state = (state * 48_271) % 2_147_483_647;
  return state % below;
};

/** What a client of Node's begins with. */
async function greeting(): Promise<Buffer> {
  const written: Buffer[] = [];
  const wire = new Duplex({
    read: () => undefined,
    write: (chunk: Buffer, _encoding, done) => {
      written.push(chunk);
      done();
      wire.emit('written');
    },
  });
  const wrote = once(wire, 'written');
  const client = connect({ socket: wire, servername: 'localhost', ALPNProtocols: ['postgresql'], rejectUnauthorized: false });
  client.on('error', () => undefined);
  await wrote;
  client.destroy();
  return Buffer.concat(written);
}

function damaged(hello: Buffer): Buffer {
  const bytes = Buffer.from(hello);
  switch (random(5)) {
    case 0:
      return bytes.subarray(0, random(bytes.length));
    case 1:
      for (let i = random(8); i >= 0; i--) bytes[random(bytes.length)] = random(256);
      return bytes;
    case 2:
      // The first byte decides who reads the rest.
      return Buffer.from(Array.from({ length: 1 + random(600) }, (_, i) => (i === 0 ? 0x16 : random(256))));
    case 3:
      return Buffer.concat([bytes, bytes.subarray(random(bytes.length))]);
    default:
      bytes.writeUInt16BE(random(65_536), 3);
      return bytes;
  }
}

/** Sends the bytes in pieces, at once or behind an SSLRequest; resolves once the proxy has closed or, told to, after leaving. */
async function send(bytes: Buffer, direct: boolean, cuts: number[], leaves: boolean): Promise<void> {
  const socket = net.connect({ port: yard().port, host: '127.0.0.1' });
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  if (!direct) {
    socket.write(sslRequest);
    await once(socket, 'data');
  }
  socket.resume();
  let from = 0;
  for (const cut of [...cuts.toSorted((x, y) => x - y), bytes.length]) {
    if (socket.destroyed) break;
    socket.write(bytes.subarray(from, cut));
    from = cut;
    await new Promise((resolve) => setImmediate(resolve));
  }
  if (leaves) socket.destroy();
  else socket.end();
  await closed;
}

it(`${CASES} damaged greetings (seed ${seed}) disturb nobody`, { timeout: 120_000 }, async () => {
  const healthy = await WireClient.encrypted(yard().port);
  healthy.write(startup({ user: 'postgres', database: 'postgres' }));
  await healthy.until('Z');
  const sockets = (): number => process.getActiveResourcesInfo().filter((name) => /TCPSocketWrap|TLSWrap/.test(name)).length;
  const before = sockets();
  const hello = await greeting();
  expect(hello[0]).toBe(0x16);
  for (let done = 0; done < CASES; done += AT_ONCE) {
    await Promise.all(
      Array.from({ length: AT_ONCE }, () => {
        const bytes = damaged(hello);
        const cuts = Array.from({ length: random(4) }, () => random(bytes.length + 1));
        return send(bytes, random(2) === 0, cuts, random(2) === 0);
      }),
    );
    expect(rows(await healthy.query(`select ${done}`))).toEqual([[String(done)]]);
  }
  await expect.poll(sockets, { timeout: 20_000 }).toBeLessThanOrEqual(before);
  healthy.destroy();
});
