/** Transfers that must wait, and transfers that fail: the client notices nothing, and one outcome is counted. */
import net from 'node:net';
import pg from 'pg';
import { afterEach, expect, test } from 'vitest';
import { parseBackendUrl } from '../../core/endpoints/map.ts';
import { startTestCluster, useCluster } from '../support/cluster.ts';
import { move, serverPort, sessionId } from '../support/migration.ts';
import { useYard } from '../support/yard.ts';
import { bind, execute, message, cstring, parse, rows, sync, WireClient } from '../support/wire-client.ts';

const a = useCluster({ name: 'a' });
const b = useCluster({ name: 'b' });
const guarded = useCluster({ name: 'guarded', auth: 'scram-sha-256', password: 'right' });
const yard = useYard(() => ({ endpoints: { 'ep-a': a().url(), 'ep-b': b().url() } }));

const open: { end(): unknown }[] = [];
afterEach(async () => {
  for (const client of open.splice(0)) await client.end();
});

async function connect(endpoint = 'ep-a'): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: yard().connectionString(endpoint) });
  await client.connect();
  open.push(client);
  return client;
}

/** Runs queries without a pause until stopped; every answer must be the right one. */
function busy(client: pg.Client): { stop(): Promise<number> } {
  let running = true;
  const loop = (async () => {
    let n = 0;
    for (; running; n++) {
      const { rows: answer } = await client.query<{ v: number }>('SELECT $1::int AS v', [n]);
      expect(answer[0]?.v).toBe(n);
    }
    return n;
  })();
  return {
    async stop() {
      running = false;
      return await loop;
    },
  };
}

function addEndpoint(id: string, url: string): void {
  yard().switchyard.addEndpoint({ id, ...parseBackendUrl(url) });
}

test('a session in a transaction moves right after COMMIT', async () => {
  const client = await connect();
  await client.query('BEGIN');
  const moved = move(yard(), client, 'ep-b');
  await expect
    .poll(async () => (await yard().snapshot()).transfers.at(-1))
    .toMatchObject({ phase: 'armed', reason: expect.stringMatching(/^busy in transaction since/) as string });
  expect(await serverPort(client)).toBe(a().port);
  await client.query('COMMIT');
  expect(await moved).toMatchObject({ outcome: 'success' });
  expect(await serverPort(client)).toBe(b().port);
});

test('a session that stays in its transaction past the deadline stays where it is', async () => {
  const client = await connect();
  await client.query('BEGIN');
  const before = (await yard().snapshot()).counters;
  expect(await move(yard(), client, 'ep-b', 1)).toMatchObject({
    outcome: 'error_recoverable',
    reason: expect.stringMatching(/^busy in transaction since \d\d:\d\d:\d\d \(\d+ s\)$/) as string,
  });
  const after = (await yard().snapshot()).counters;
  expect(after.error_recoverable).toBe(before.error_recoverable + 1);
  expect(after.attempted).toBe(after.success + after.error_recoverable + after.error_fatal);
  await client.query('COMMIT');
  expect(await serverPort(client)).toBe(a().port);
});

test('a failed transaction counts as one, and ROLLBACK frees the session', async () => {
  const client = await connect();
  await client.query('BEGIN');
  await expect(client.query('SELECT 1/0')).rejects.toThrow(/division/);
  const moved = move(yard(), client, 'ep-b');
  await expect.poll(async () => (await yard().snapshot()).transfers.at(-1)?.phase).toBe('armed');
  await client.query('ROLLBACK');
  expect(await moved).toMatchObject({ outcome: 'success' });
});

test('an armed transfer that the operator cancels leaves the session alone', async () => {
  const client = await connect();
  await client.query('BEGIN');
  const { operationId } = await yard().switchyard.handlers.migrate({
    sessionIds: [await sessionId(yard(), client)],
    to: 'ep-b',
    withinMs: 20_000,
  });
  await expect.poll(async () => (await yard().snapshot()).transfers.at(-1)?.phase).toBe('armed');
  await yard().switchyard.handlers['operation.cancel']({ operationId });
  await expect
    .poll(async () => (await yard().snapshot()).transfers.at(-1))
    .toMatchObject({ outcome: 'error_recoverable', reason: 'cancelled by the operator' });
  await client.query('COMMIT');
  expect(await serverPort(client)).toBe(a().port);
});

test('a pipelining client comes to a safe point and gets every answer once and in order', async () => {
  const { client } = await WireClient.start(yard().port, { options: 'endpoint=ep-a', application_name: 'pipeline' });
  open.push({ end: () => client.destroy() });
  const count = 3_000;
  client.write(
    ...Array.from({ length: count }, (_, n) =>
      n % 2 === 0 ? message('Q', cstring(`SELECT ${n}`)) : Buffer.concat([parse('', `SELECT ${n}`), bind('', ''), execute(''), sync]),
    ),
  );
  const moves = [move(yard(), 'pipeline', 'ep-b')];
  const seen: string[] = [];
  for (let n = 0; n < count; n++) seen.push(rows(await client.until('Z'))[0]?.[0] ?? '?');
  expect(await Promise.all(moves)).toMatchObject([{ outcome: 'success' }]);
  expect(seen).toEqual(Array.from({ length: count }, (_, n) => String(n)));
});

test('a COPY under way is waited for, with its data flowing', async () => {
  const { client } = await WireClient.start(yard().port, { options: 'endpoint=ep-a', application_name: 'copy' });
  open.push({ end: () => client.destroy() });
  await client.query('CREATE TABLE IF NOT EXISTS copied (n int); TRUNCATE copied');
  client.write(message('Q', cstring('COPY copied FROM STDIN')));
  await client.until('G');
  const moved = move(yard(), 'copy', 'ep-b');
  await expect
    .poll(async () => (await yard().snapshot()).transfers.at(-1))
    .toMatchObject({ phase: 'armed', reason: expect.stringMatching(/^COPY in progress/) as string });
  for (let n = 0; n < 100; n++) client.write(message('d', Buffer.from(`${n}\n`)));
  client.write(message('c'));
  expect((await client.until('Z')).map((answer) => answer.type)).toEqual(['C', 'Z']);
  expect(await moved).toMatchObject({ outcome: 'success' });
  const direct = new pg.Client({ connectionString: a().url() });
  await direct.connect();
  open.push(direct);
  expect((await direct.query('SELECT count(*)::int AS n FROM copied')).rows).toEqual([{ n: 100 }]);
});

test('a target that is down, silent or closes at once: recoverable; one that lets nobody in: refused; and nobody notices', async () => {
  const silent = net.createServer((socket) => socket.on('error', () => {}).resume());
  const closing = net.createServer((socket) => socket.on('error', () => {}).destroy());
  const nobody = net.createServer();
  const port = async (server: net.Server): Promise<number> => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return (server.address() as net.AddressInfo).port;
  };
  addEndpoint('ep-silent', `postgresql://postgres@127.0.0.1:${await port(silent)}/postgres`);
  addEndpoint('ep-closing', `postgresql://postgres@127.0.0.1:${await port(closing)}/postgres`);
  const freed = await port(nobody);
  await new Promise((resolve) => nobody.close(resolve));
  addEndpoint('ep-down', `postgresql://postgres@127.0.0.1:${freed}/postgres`);
  addEndpoint('ep-password', `postgresql://postgres:wrong@127.0.0.1:${guarded().port}/postgres`);
  addEndpoint('ep-no-password', `postgresql://postgres@127.0.0.1:${guarded().port}/postgres`);
  const client = await connect();
  const work = busy(client);
  const before = (await yard().snapshot()).counters;
  const ends: [endpoint: string, outcome: string, reason: RegExp][] = [
    ['ep-down', 'error_recoverable', /nothing listens on 127\.0\.0\.1:\d+ \(connection refused\)/],
    ['ep-silent', 'error_recoverable', /accepted the connection but did not finish the login within \d+ ms/],
    ['ep-closing', 'error_recoverable', /closed the connection during the login|ECONNRESET/],
    ['ep-password', 'refused', /password authentication failed/],
    ['ep-no-password', 'refused', /password.*none is stored/],
  ];
  for (const [endpoint, outcome, reason] of ends) {
    expect(await move(yard(), client, endpoint)).toMatchObject({ outcome, reason: expect.stringMatching(reason) as string });
  }
  expect(await work.stop()).toBeGreaterThan(100);
  expect(await serverPort(client)).toBe(a().port);
  const after = (await yard().snapshot()).counters;
  expect(after).toMatchObject({
    attempted: before.attempted + 3,
    error_recoverable: before.error_recoverable + 3,
    refused: before.refused + 2,
    error_fatal: 0,
  });
  silent.close();
  closing.close();
});

test('a session that may not be inspected stays, and its client goes on', async () => {
  const admin = new pg.Client({ connectionString: a().url() });
  await admin.connect();
  await admin.query(`CREATE DATABASE locked`);
  await admin.end();
  const inside = new pg.Client({ connectionString: a().url('locked') });
  await inside.connect();
  await inside.query(`REVOKE ALL ON pg_catalog.pg_prepared_statements FROM public; CREATE ROLE plain LOGIN`);
  await inside.end();
  const there = new pg.Client({ connectionString: b().url() });
  await there.connect();
  await there.query(`CREATE DATABASE locked`);
  await there.query(`CREATE ROLE plain LOGIN`);
  await there.end();
  addEndpoint('ep-plain-a', a().url('locked', 'plain'));
  addEndpoint('ep-plain-b', b().url('locked', 'plain'));
  const client = new pg.Client({ connectionString: yard().connectionString('ep-plain-a', 'locked') });
  await client.connect();
  open.push(client);
  for (let round = 0; round < 3; round++) {
    expect(await move(yard(), client, 'ep-plain-b')).toMatchObject({
      outcome: 'error_recoverable',
      reason: expect.stringContaining(
        "the server refused to show the session's state: permission denied for view pg_prepared_statements",
      ) as string,
    });
    expect((await client.query(`SELECT 1 AS n`)).rows).toEqual([{ n: 1 }]);
  }
  const { client: wire } = await WireClient.start(yard().port, {
    user: 'plain',
    database: 'ep-plain-a/locked',
    application_name: 'leftovers',
  });
  open.push({ end: () => wire.destroy() });
  await move(yard(), 'leftovers', 'ep-plain-b');
  wire.write(bind('', '_swy_state'), sync);
  expect((await wire.until('Z')).map((answer) => answer.type)).toEqual(['E', 'Z']);
});

test('a capture that hangs is cancelled, and only then may the client go on', async () => {
  const client = await connect();
  const blocker = new pg.Client({ connectionString: a().url() });
  await blocker.connect();
  open.push(blocker);
  // Warm on purpose: the lock must stop the capture, not the login.
  expect(await move(yard(), client, 'ep-b')).toMatchObject({ outcome: 'success' });
  expect(await move(yard(), client, 'ep-a')).toMatchObject({ outcome: 'success' });
  await blocker.query('BEGIN; LOCK TABLE pg_catalog.pg_depend IN ACCESS EXCLUSIVE MODE');
  expect(await move(yard(), client, 'ep-b')).toMatchObject({
    outcome: 'error_recoverable',
    reason: expect.stringMatching(/lock timeout|no answer within/) as string,
  });
  expect(await serverPort(client)).toBe(a().port);
  await blocker.query('ROLLBACK');
  expect(await move(yard(), client, 'ep-b')).toMatchObject({ outcome: 'success' });
});

test('a client that leaves while its session is armed ends the transfer, and both servers are free again', async () => {
  const client = new pg.Client({ connectionString: yard().connectionString('ep-a') });
  await client.connect();
  await client.query('BEGIN');
  const moved = move(yard(), client, 'ep-b');
  await expect.poll(async () => (await yard().snapshot()).transfers.at(-1)?.phase).toBe('armed');
  await client.end();
  expect(await moved).toMatchObject({ outcome: 'error_recoverable', reason: 'the client left' });
  await expect.poll(async () => (await yard().snapshot()).pools.every((pool) => pool.active === 0)).toBe(true);
});

test('a target killed while the session is armed: recoverable; the old server killed: the client is told', async () => {
  const mortal = await startTestCluster({ name: 'mortal' });
  addEndpoint('ep-mortal', mortal.url());
  const client = await connect();
  await client.query('BEGIN');
  const moved = move(yard(), client, 'ep-mortal');
  await expect.poll(async () => (await yard().snapshot()).transfers.at(-1)?.phase).toBe('armed');
  await mortal.stop('immediate');
  expect(await moved).toMatchObject({
    outcome: 'error_recoverable',
    reason: expect.stringContaining('the target connection was lost while waiting') as string,
  });
  await client.query('COMMIT');
  expect(await serverPort(client)).toBe(a().port);
});

test('sixty busy sessions of one endpoint move together, and come back', async () => {
  const clients = await Promise.all(Array.from({ length: 60 }, () => connect()));
  const work = clients.map(busy);
  const consoleClient = await yard().consoleClient();
  open.push(consoleClient);
  const there = await consoleClient.query<{ outcome: string }>('MIGRATE ENDPOINT ep-a TO ep-b WITHIN 20');
  const back = await consoleClient.query<{ outcome: string }>('MIGRATE ENDPOINT ep-b TO ep-a WITHIN 20');
  expect(there.rows.filter((row) => row.outcome === 'success')).toHaveLength(60);
  expect(back.rows.filter((row) => row.outcome === 'success')).toHaveLength(60);
  await Promise.all(work.map((each) => each.stop()));
  expect(new Set(await Promise.all(clients.map(serverPort)))).toEqual(new Set([a().port]));
});

test('remapping an endpoint names its stranded sessions, and they move to where it points now', async () => {
  addEndpoint('ep-moving', a().url());
  const client = await connect('ep-moving');
  const { handlers } = yard().switchyard;
  const saved = await handlers['endpoints.save']({ id: 'ep-moving', url: b().url() });
  expect(saved).toMatchObject({ backend: `127.0.0.1:${b().port}`, stranded: [await sessionId(yard(), client)] });
  expect(await serverPort(client)).toBe(a().port);
  expect(await move(yard(), client, 'ep-moving')).toMatchObject({ outcome: 'success' });
  expect(await serverPort(client)).toBe(b().port);
  await expect(async () => handlers['endpoints.remove']({ id: 'ep-moving' })).rejects.toThrow(/sessions belong to it/);
});

test('a session whose state is larger than is carried stays, and loses nothing', async () => {
  const client = await connect();
  await client.query(`SELECT length(set_config('my.load', repeat('x', 80 * 1024 * 1024), false))`);
  expect(await move(yard(), client, 'ep-b', 30)).toMatchObject({
    outcome: 'error_recoverable',
    // Whichever comes first on this machine: the limit, or the end of the time for a capture.
    reason: expect.stringMatching(/longer than 67108864 bytes|no answer within \d+ ms/) as string,
  });
  expect((await client.query(`SELECT length(current_setting('my.load')) AS n`)).rows).toEqual([{ n: 80 * 1024 * 1024 }]);
  await client.query('RESET ALL');
  expect(await move(yard(), client, 'ep-b')).toMatchObject({ outcome: 'success' });
});
