/** What a client hears when the login at the server fails: PostgreSQL's own refusals, and servers that break the protocol. */
import { once } from 'node:events';
import net, { type AddressInfo, type Socket } from 'node:net';
import pg from 'pg';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { useCluster } from '../support/cluster.ts';
import { cstring, fields, int32, message, startup, WireClient } from '../support/wire-client.ts';
import { startYard, type Yard } from '../support/yard.ts';

const cluster = useCluster();

beforeAll(async () => {
  const admin = new pg.Client({ connectionString: cluster().url() });
  await admin.connect();
  await admin.query('CREATE ROLE single LOGIN CONNECTION LIMIT 1; CREATE ROLE nologin');
  await admin.query('CREATE DATABASE closed ALLOW_CONNECTIONS false');
  await admin.end();
});

/** Logs in and returns the error's fields; null when it came in. */
async function refusal(at: { port: number }, parameters: Record<string, string>): Promise<Record<string, string> | null> {
  const client = await WireClient.open(at.port);
  onTestFinished(() => client.destroy());
  client.write(startup({ user: 'postgres', database: 'postgres', ...parameters }));
  for (;;) {
    const next = await client.next();
    if (next.type === 'Z') return null;
    if (next.type === 'E') {
      await client.closed();
      return fields(next);
    }
  }
}

async function yardAt(url: string): Promise<Yard> {
  const at = await startYard({ endpoints: { it: url } });
  onTestFinished(() => at.stop());
  return at;
}

describe("a server's own refusal reaches the client with its code and its words", () => {
  it.each([
    ['a database that is not there', { database: 'nowhere' }],
    ['a database that takes no connections', { database: 'closed' }],
    ['a role that is not there', { user: 'nobody' }],
    ['a role that may not log in', { user: 'nologin' }],
    ['a parameter that is not one', { nonsense: 'yes' }],
    ['a value that is none', { options: '-c statement_timeout=soon' }],
  ])('%s', async (_what, parameters) => {
    const at = await yardAt(`postgresql://127.0.0.1:${cluster().port}/postgres`);
    const direct = await refusal({ port: cluster().port }, parameters);
    const through = await refusal(at, parameters);
    expect(direct?.['C']).toMatch(/^(3D000|28000|42704|22023|55000)$/);
    expect(through).toMatchObject({ S: 'FATAL', C: direct?.['C'] });
    expect(through?.['M']).toContain(direct?.['M']);
    // And nothing of it stays: the next client comes in.
    expect(await refusal(at, {})).toBeNull();
  });

  it('no connection left for the role', async () => {
    const at = await yardAt(`postgresql://127.0.0.1:${cluster().port}/postgres`);
    const holder = await WireClient.start(cluster().port, { user: 'single' });
    onTestFinished(() => holder.client.destroy());
    expect(await refusal(at, { user: 'single' })).toMatchObject({
      C: '53300',
      M: expect.stringContaining('too many connections for role "single"') as string,
    });
  });
});

/** A server that says these bytes to whoever greets it. */
async function scripted(answer: (socket: Socket) => void): Promise<string> {
  const sockets = new Set<Socket>();
  const server = net.createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
    socket.on('data', (chunk) => {
      // An SSLRequest is declined; what follows is the startup packet.
      if (chunk.length === 8) socket.write('N');
      else answer(socket);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return `postgresql://postgres@127.0.0.1:${(server.address() as AddressInfo).port}/postgres`;
}

describe('a server that breaks the protocol in the login ends that login only', () => {
  const ok = message('R', int32(0));
  it.each<[string, Buffer, RegExp]>([
    ['BindComplete', message('2'), /not PostgreSQL's protocol|unexpected message/],
    ['BindComplete behind its OK', Buffer.concat([ok, message('2')]), /not PostgreSQL's protocol|unexpected message/],
    ['an authentication that nobody knows', message('R', int32(99)), /authentication/],
    ['a length of 3', Buffer.from([0x52, 0, 0, 0, 3]), /not PostgreSQL's protocol/],
    ['a message longer than any login needs', Buffer.from([0x52, 0x7f, 0xff, 0xff, 0xff]), /not PostgreSQL's protocol/],
    ['another protocol', Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'), /not PostgreSQL's protocol/],
    ['an error without fields', message('E', Buffer.from([0])), /refused the login/],
    ['an error without a code', message('E', cstring('SFATAL'), cstring('Mno'), Buffer.from([0])), /no/],
  ])('%s', async (_what, bytes, words) => {
    const at = await yardAt(await scripted((socket) => socket.write(bytes)));
    const heard = await refusal(at, {});
    expect(heard).toMatchObject({ S: 'FATAL' });
    expect(heard?.['C']).toMatch(/^[0-9A-Z]{5}$/);
    expect(heard?.['M']).toMatch(words);
    const { pools } = await at.snapshot();
    expect(pools.reduce((sum, pool) => sum + pool.active + pool.idle + pool.connecting, 0)).toBe(0);
  });

  it.each([
    ['closes at once', (socket: Socket) => socket.end()],
    ['resets the connection', (socket: Socket) => socket.resetAndDestroy()],
  ])('one that %s', async (_what, act) => {
    const at = await yardAt(await scripted((socket) => void act(socket)));
    expect(await refusal(at, {})).toMatchObject({ S: 'FATAL', C: '08001' });
  });
});
