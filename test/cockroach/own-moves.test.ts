/** A session on CockroachDB's dialect is moved through the proxy by a real driver: all it has set follows, and so does its cancel. */
import pg from 'pg';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { TransferRow } from '../../core/contract/index.ts';
import { startPods, type RunningPods } from '../fakes/cockroach-dialect/pods.ts';
import { text } from '../support/matching.ts';
import { move } from '../support/migration.ts';
import { startYard, type Yard } from '../support/yard.ts';

const TOKEN = 'crdb:session_revival_token_base64';
const ADDRESS = 'crdb:remote_addr';

let pods: RunningPods;
let yard: Yard;
const clients: pg.Client[] = [];

beforeEach(async () => {
  pods = await startPods(2);
  yard = await startYard({
    endpoints: { a: pods.pod(1).url(), b: pods.pod(2).url() },
    // So large a state takes its time on a busy machine.
    options: { settings: { pooling: { mode: 'transaction' } }, deadlines: { captureMs: 20_000, restoreMs: 20_000 } },
  });
});

afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.end().catch(() => {})));
  await yard.stop();
  await pods.stop();
});

async function connect(options: Partial<pg.ClientConfig> = {}): Promise<pg.Client> {
  const client = new pg.Client({ host: yard.host, port: yard.port, user: 'app', database: 'a/defaultdb', ...options });
  client.on('error', () => {});
  await client.connect();
  clients.push(client);
  return client;
}

async function podOf(client: pg.Client): Promise<string | undefined> {
  return (await client.query<{ pod_id: string }>('SELECT pod_id()')).rows[0]?.pod_id;
}

async function lastTransfer(): Promise<TransferRow | undefined> {
  return (await yard.snapshot()).transfers.at(-1);
}

test('settings, named and unnamed statements, and cancels follow; the token is told to the server only', async () => {
  const client = await connect({ application_name: 'billing' });
  expect((await yard.sessions())[0]).toMatchObject({ poolMode: 'session' });
  expect((await yard.snapshot()).pools).toMatchObject([{ mode: 'session', active: 1 }]);
  expect((await yard.snapshot()).log.filter(({ code }) => code === 'session_mode_only')).toHaveLength(1);
  await client.query("SET application_name = 'moved'");
  const named = { name: 'twice', text: 'SELECT $1::int AS n', values: [1] };
  await client.query(named);
  await client.query('SELECT $1::int AS unnamed', [1]);
  expect(await move(yard, client, 'b')).toMatchObject({ outcome: 'success', reason: null });
  expect(await podOf(client)).toBe('2');
  expect((await client.query('SHOW application_name')).rows).toEqual([{ application_name: 'moved' }]);
  expect((await client.query({ ...named, values: [2] })).rows).toEqual([{ n: '2' }]);

  const transfer = await lastTransfer();
  expect(transfer).toMatchObject({ mode: 'cockroach', dialect: 'cockroach', outcome: 'success' });
  expect(transfer?.stateBytes).toBeGreaterThan(10);
  const startup = pods.pod(2).heard.startups.find(({ parameters }) => parameters.has(TOKEN));
  expect(startup?.parameters.get('application_name')).toBe('billing');
  const token = startup?.parameters.get(TOKEN) ?? '';
  expect(token.length).toBeGreaterThan(20);
  expect(JSON.stringify(await yard.snapshot())).not.toContain(token);
  // Named statements are there under the client's own name: no Parse was needed.
  expect(pods.pod(2).heard.sql('AS n')).toEqual([]);

  const slow = client.query('SELECT pg_sleep(60)');
  await expect.poll(() => pods.pod(2).heard.sql('pg_sleep').length).toBe(1);
  await cancel(client);
  await expect(slow).rejects.toMatchObject({ code: '57014' });
  expect(pods.pod(2).heard.cancels.map(({ hit }) => hit)).toContain(true);

  // And back.
  expect(await move(yard, client, 'a')).toMatchObject({ outcome: 'success' });
  expect(await podOf(client)).toBe('1');
  expect((await client.query('SHOW application_name')).rows).toEqual([{ application_name: 'moved' }]);
  await expect.poll(() => pods.pod(2).heard.goodbyes).toBeGreaterThan(0);
});

/** A cancel request with the client's own key. */
async function cancel(client: pg.Client): Promise<void> {
  const { processID, secretKey } = client as unknown as { processID: number; secretKey: number };
  const canceller = new pg.Client({ host: yard.host, port: yard.port });
  const { connection } = canceller as unknown as { connection: { stream: import('node:net').Socket } };
  const packet = Buffer.alloc(16);
  for (const [at, value] of [16, 80877102, processID, secretKey].entries()) packet.writeInt32BE(value, at * 4);
  connection.stream.connect(yard.port, yard.host);
  await new Promise<void>((resolve) => {
    connection.stream.on('error', () => {});
    connection.stream.once('connect', () => connection.stream.end(packet));
    connection.stream.once('close', () => resolve());
  });
}

test('what the server refuses is refused in its words, and the session goes on', async () => {
  const client = await connect();
  await client.query('CREATE TEMP TABLE mine');
  expect(await move(yard, client, 'b')).toMatchObject({
    outcome: 'refused',
    reason: 'the server does not hand out the session: cannot serialize session with temporary schemas',
  });
  expect(await podOf(client)).toBe('1');
  pods.cluster.revivalTokens = false;
  const other = await connect();
  expect(await move(yard, other, 'b')).toMatchObject({ outcome: 'refused' });
  expect((await lastTransfer())?.reason).toContain('session revival tokens are not supported on this cluster');
  expect(await podOf(other)).toBe('1');
});

test('what the server would lose without a word stays where it is', async () => {
  const client = await connect();
  await client.query('LISTEN news');
  expect(await move(yard, client, 'b')).toMatchObject({
    outcome: 'refused',
    reason: 'it listens on "news", and the server does not hand that over',
  });
  await client.query('UNLISTEN *');
  expect(await move(yard, client, 'b')).toMatchObject({ outcome: 'success' });
});

test.each([true, false])('after a Parse that failed the unnamed statement is not guessed (a failed one drops it: %s)', async (drops) => {
  pods.cluster.failedParseDropsUnnamed = drops;
  const client = await connect();
  await client.query('SELECT $1::int AS n', [1]);
  await expect(client.query('FROB $1', [1])).rejects.toMatchObject({ code: '42601' });
  const row = await move(yard, client, 'b');
  if (drops) expect(row).toMatchObject({ outcome: 'success' });
  else {
    expect(row).toMatchObject({ outcome: 'refused', reason: 'its unnamed statement is not known after an error' });
    await client.query('SELECT $1::int AS n', [1]);
    expect(await move(yard, client, 'b')).toMatchObject({ outcome: 'success' });
  }
  expect((await client.query('SELECT $1::int AS n', [5])).rows).toEqual([{ n: '5' }]);
});

test.each([
  [11, { outcome: 'success' }],
  [18, { outcome: 'refused', reason: text(/^its state is too large to be carried: (?:more than )?1[2-9]\.\d MiB, at most 12\.0 MiB/) }],
])('a state of %i MiB as it is sent', async (mib, expected) => {
  pods.pod(1).faults.set('show-D', { kind: 'huge', mib }, { times: 1 });
  const client = await connect();
  await client.query("SET application_name = 'large'");
  const { outcome, reason } = await move(yard, client, 'b');
  expect({ outcome, reason }).toMatchObject(expected);
  expect(await podOf(client)).toBe(outcome === 'success' ? '2' : '1');
  expect((await client.query('SHOW application_name')).rows).toEqual([{ application_name: 'large' }]);
  // The session is in step, and can be asked again.
  expect(await move(yard, client, outcome === 'success' ? 'a' : 'b')).toMatchObject({ outcome: 'success' });
});

test.each([
  ['a statement', { statements: new Set(['twice']), shapes: new Set<string>(), settings: new Set<string>() }, 'did not come along: twice'],
  ['what a statement means', { statements: new Set<string>(), shapes: new Set(['twice']), settings: new Set<string>() }, '"twice"'],
  ['a setting', { statements: new Set<string>(), shapes: new Set<string>(), settings: new Set(['application_name']) }, 'application_name'],
])('a target that loses %s is left, and the session stays', async (_what, losses, words) => {
  pods.pod(2).options.losses = losses;
  const client = await connect();
  await client.query("SET application_name = 'moved'");
  await client.query({ name: 'twice', text: 'SELECT $1::int AS n', values: [1] });
  const row = await move(yard, client, 'b');
  expect(row).toMatchObject({ outcome: 'error_recoverable' });
  expect(row.reason).toContain(words);
  expect(await podOf(client)).toBe('1');
  expect((await client.query({ name: 'twice', text: 'SELECT $1::int AS n', values: [3] })).rows).toEqual([{ n: '3' }]);
  await expect.poll(() => pods.pod(2).connections).toBe(0);
});

test.each(['crdb:session_revival_token_base64', 'CRDB:Session_Revival_Token_Base64', 'crdb:SESSION_revival_TOKEN_base64'])(
  'a client that comes with %s is refused',
  async (name) => {
    const client = new pg.Client({ host: yard.host, port: yard.port, user: 'app', database: 'a/defaultdb' });
    const { connection } = client as unknown as { connection: { startup(config: Record<string, string>): void } };
    const startup = connection.startup.bind(connection);
    connection.startup = (config) => startup({ ...config, [name]: 'x' });
    await expect(client.connect()).rejects.toMatchObject({ message: `parameter ${TOKEN} is not allowed`, severity: 'FATAL' });
  },
);

test('a client’s own address does not pass; the real one does, once the server is known', async () => {
  await connect();
  const client = new pg.Client({ host: yard.host, port: yard.port, user: 'app', database: 'a/defaultdb' });
  const { connection } = client as unknown as { connection: { startup(config: Record<string, string>): void } };
  const startup = connection.startup.bind(connection);
  connection.startup = (config) =>
    startup({ ...config, 'CRDB:Remote_Addr': '6.6.6.6:6', 'crdb:REMOTE_addr': '7.7.7.7:7', Search_Path: 'public' });
  await client.connect();
  clients.push(client);
  const { localPort } = (connection as unknown as { stream: import('node:net').Socket }).stream;
  const { raw } = pods.pod(1).heard.startups.at(-1) ?? { raw: new Map() };
  expect([...raw.keys()].filter((name: string) => name.toLowerCase() === ADDRESS)).toEqual([ADDRESS]);
  expect(raw.get(ADDRESS)).toBe(`127.0.0.1:${localPort}`);
  expect(raw.get('Search_Path')).toBe('public');
});
