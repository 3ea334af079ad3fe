/** Servers that turn bad in the middle of the pause: the client gets every answer, and waits no longer than the deadlines. */
import pg from 'pg';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { useCluster } from '../support/cluster.ts';
import { move, serverPort, transfer } from '../support/migration.ts';
import { startRelay, type Fault, type Relay } from '../support/relay.ts';
import { startYard, type Yard } from '../support/yard.ts';

const a = useCluster({ name: 'a' });
const b = useCluster({ name: 'b' });

let relayA: Relay;
let relayB: Relay;
let running: Yard;
const yard = (): Yard => running;
beforeAll(async () => {
  relayA = await startRelay(a().port);
  relayB = await startRelay(b().port);
  const url = (relay: Relay): string => `postgresql://postgres@127.0.0.1:${relay.port}/postgres`;
  running = await startYard({
    endpoints: { 'ep-a': url(relayA), 'ep-b': url(relayB) },
    // A session that outlives its server by itself would tell nothing of the move.
    options: { settings: { resurrection: { enabled: false } } },
  });
});
afterAll(async () => {
  await running.stop();
  await relayA.close();
  await relayB.close();
});

const open: pg.Client[] = [];
afterEach(async () => {
  relayA.release();
  relayB.release();
  for (const client of open.splice(0)) await client.end().catch(() => {});
});

async function connect(): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: yard().connectionString('ep-a') });
  // A session whose server is lost on purpose must not end the test run.
  client.on('error', () => {});
  await client.connect();
  open.push(client);
  return client;
}

const CAPTURE = '_swy_state';

/** The capture's text passes once on the target before the pause, and once more with the restore. */
test.each<[Fault, RegExp]>([
  ['silence', /^no answer within \d+ ms$/],
  ['close', /closed/],
  ['reset', /closed|ECONNRESET/],
])('the target meets %s between restore and swap: the session stays, its query is answered', async (fault, reason) => {
  const client = await connect();
  await client.query(`SET app.kept = 'yes'`);
  relayB.arm(fault, CAPTURE, 2);
  const moved = move(yard(), client, 'ep-b');
  await relayB.struck();
  const asked = client.query<{ kept: string }>('SHOW app.kept');
  const row = await moved;
  expect(row).toMatchObject({ outcome: 'error_recoverable', reason: expect.stringMatching(reason) as string });
  expect(Number(row.pause_ms)).toBeLessThan(10_000);
  expect((await asked).rows).toEqual([{ 'app.kept': 'yes' }]);
  expect(await serverPort(client)).toBe(a().port);
  await expect.poll(async () => (await yard().snapshot()).pools.find((pool) => pool.backend.endsWith(`:${relayB.port}`))?.active).toBe(0);
});

test('the target goes silent before the pause: nobody is held at all', async () => {
  const client = await connect();
  relayB.arm('silence', CAPTURE, 1);
  const row = await move(yard(), client, 'ep-b');
  expect(row).toMatchObject({ outcome: 'error_recoverable', reason: expect.stringMatching(/^no answer within/) as string, pause_ms: null });
  expect(await serverPort(client)).toBe(a().port);
});

test('the old server falls silent at the capture: the session waits for it, as it would have to anyway, and loses nothing', async () => {
  const client = await connect();
  relayA.arm('silence', CAPTURE);
  const moved = move(yard(), client, 'ep-b');
  await relayA.struck();
  const asked = client.query<{ n: number }>('SELECT 7 AS n');
  await expect.poll(async () => (await yard().sessions())[0]?.state).toBe('migrating');
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  relayA.release();
  expect(await moved).toMatchObject({ outcome: 'error_recoverable', reason: expect.stringMatching(/^no answer within/) as string });
  expect((await asked).rows).toEqual([{ n: 7 }]);
  expect(await serverPort(client)).toBe(a().port);
  expect(await move(yard(), client, 'ep-b')).toMatchObject({ outcome: 'success' });
});

test.each<[Fault]>([['close'], ['reset']])(
  'the old server meets %s at the capture: the client is told, and it is counted fatal',
  async (fault) => {
    const client = await connect();
    relayA.arm(fault, CAPTURE);
    const moved = move(yard(), client, 'ep-b');
    await relayA.struck();
    const told = client.query('SELECT 1').catch((error: unknown) => error);
    expect(await moved).toMatchObject({
      outcome: 'error_fatal',
      reason: expect.stringMatching(/^the old server was lost during the move/) as string,
    });
    expect(await told).toBeInstanceOf(Error);
    expect((await yard().sessions()).length).toBe(0);
  },
);

test('the old server dies after the capture: the session is rescued by the move', async () => {
  const client = await connect();
  await client.query(`SET app.kept = 'yes'`);
  relayB.arm('silence', CAPTURE, 2);
  const moved = transfer(yard(), client, 'ep-b', { mode: 'preconnect' });
  await relayB.struck();
  const killer = new pg.Client({ connectionString: a().url() });
  await killer.connect();
  await killer.query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'`,
  );
  await killer.end();
  relayB.release();
  expect(await moved).toMatchObject({ outcome: 'success' });
  expect((await client.query('SHOW app.kept')).rows).toEqual([{ 'app.kept': 'yes' }]);
  expect(await serverPort(client)).toBe(b().port);
});

test('the client leaves in the middle of the pause: both server connections are free again', async () => {
  const client = await connect();
  relayB.arm('silence', CAPTURE, 2);
  const moved = move(yard(), client, 'ep-b');
  await relayB.struck();
  await client.end();
  expect(await moved).toMatchObject({ outcome: 'error_recoverable', reason: 'the client left' });
  await expect.poll(async () => (await yard().snapshot()).pools.every((pool) => pool.active === 0)).toBe(true);
  expect((await yard().sessions()).length).toBe(0);
});
