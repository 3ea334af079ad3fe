/** "Restart this server": hold, restart, go on. */
import pg from 'pg';
import { expect, it, onTestFinished } from 'vitest';
import type { BlockerRow, OperationRow, SettingsInput } from '../../core/contract/index.ts';
import { useCluster } from '../support/cluster.ts';
import { startYard, type Yard } from '../support/yard.ts';

const cluster = useCluster({ name: 'mortal' });

const backend = (): string => `127.0.0.1:${cluster().port}`;

async function yardWith(settings: SettingsInput = {}): Promise<Yard> {
  const yard = await startYard({ endpoints: { ep: cluster().url() }, options: { settings } });
  onTestFinished(() => yard.stop());
  return yard;
}

/** A client, and what it hears unasked. */
interface Heard {
  readonly client: pg.Client;
  readonly heard: string[];
}

async function connect(yard: Yard, application: string): Promise<Heard> {
  const client = new pg.Client({ connectionString: yard.connectionString('ep'), application_name: application });
  const heard: string[] = [];
  client.on('error', (error) => heard.push(error.message));
  client.on('notice', (notice) => heard.push(notice.message ?? ''));
  await client.connect();
  onTestFinished(() => client.end().catch(() => undefined));
  return { client, heard };
}

async function begin(yard: Yard, withinMs = 60_000): Promise<number> {
  const { operationId } = await yard.switchyard.handlers['backend.restart']({ backend: backend(), withinMs });
  return operationId;
}

async function operation(yard: Yard, id: number): Promise<OperationRow> {
  return (await yard.snapshot()).operations.find((row) => row.id === id) ?? expect.fail();
}

async function blockers(yard: Yard, operationId: number): Promise<BlockerRow[]> {
  return (await yard.switchyard.handlers['operation.blockers']({ operationId })).blockers;
}

/** Asks without a pause until it is told to stop; says what went wrong. */
function busy({ client }: Heard): { answers(): number; stop(): Promise<string[]> } {
  const wrong: string[] = [];
  let answers = 0;
  let goesOn = true;
  const done = (async () => {
    while (goesOn) {
      const { rows } = await client.query<{ n: number }>('SELECT $1::int AS n', [answers]);
      if (rows[0]?.n !== answers) wrong.push(`${rows[0]?.n} instead of ${answers}`);
      answers++;
    }
  })().catch((error: unknown) => void wrong.push(String(error)));
  return {
    answers: () => answers,
    stop: async () => {
      goesOn = false;
      await done;
      return wrong;
    },
  };
}

it('holds idle and busy sessions, names who cannot be held, and brings all back', async () => {
  const yard = await yardWith();
  const dressed = await connect(yard, 'dressed');
  await dressed.client.query(`SET app.user_id = 'grace'`);
  const silent = await connect(yard, 'silent');
  const open = await connect(yard, 'open');
  await open.client.query('BEGIN');
  const locked = await connect(yard, 'locked');
  await locked.client.query('SELECT pg_advisory_lock(1)');
  const workers = [await connect(yard, 'worker-1'), await connect(yard, 'worker-2'), await connect(yard, 'worker-3')];
  const busyOnes = workers.map(busy);
  await expect.poll(() => busyOnes.every((each) => each.answers() > 10)).toBe(true);
  const everybody = [dressed, silent, open, locked, ...workers];

  const id = await begin(yard);
  await expect.poll(async () => (await operation(yard, id)).total).toBe(5);
  await expect.poll(async () => (await blockers(yard, id)).length).toBe(2);
  const named = new Map((await blockers(yard, id)).map(({ application, reason }) => [application, reason]));
  expect(named.get('open')).toMatch(/busy in transaction since/);
  expect(named.get('locked')).toMatch(/it would lose its session advisory locks \(ExclusiveLock on 1\)/);
  expect(await operation(yard, id)).toMatchObject({ kind: 'restart', backend: backend(), blockers: 2, settledAt: null, undoable: false });

  // Nobody new comes in.
  const late = connect(yard, 'late');
  await expect.poll(async () => (await yard.snapshot()).pools.map(({ waiting }) => waiting)).toEqual([1]);
  await open.client.query('COMMIT');
  await locked.client.query('SELECT pg_advisory_unlock(1)');
  await expect.poll(async () => (await operation(yard, id)).label).toBe(`Restart ${backend()}: restart it now`);
  expect(await operation(yard, id)).toMatchObject({ total: 7, blockers: 0 });
  const answers = busyOnes.map((each) => each.answers());
  const waiting = dressed.client.query<{ user: string }>(`SELECT current_setting('app.user_id') AS user`);

  await cluster().restart('fast');

  expect((await waiting).rows).toEqual([{ user: 'grace' }]);
  expect((await (await late).client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
  await expect.poll(async () => (await operation(yard, id)).settledAt).not.toBeNull();
  expect(await operation(yard, id)).toMatchObject({ total: 7, success: 7, recoverable: 0, fatal: 0, refused: 0, cancelled: false });
  await expect.poll(() => busyOnes.every((each, index) => each.answers() > (answers[index] ?? 0) + 10)).toBe(true);
  expect(await Promise.all(busyOnes.map((each) => each.stop()))).toEqual([[], [], []]);
  for (const { client } of everybody) expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
  expect(everybody.flatMap(({ heard }) => heard)).toEqual([]);
  const codes = (await yard.snapshot()).log.map(({ code }) => code);
  expect(codes).toEqual(expect.arrayContaining(['restart_begins', 'restart_ready', 'restart_gone', 'restart_back']));
});

it('cancelled, leaves every session where it was', async () => {
  const yard = await yardWith();
  const both = [await connect(yard, 'one'), await connect(yard, 'two')];
  const pids = async (): Promise<unknown[]> =>
    await Promise.all(both.map(async ({ client }) => (await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')).rows));
  const before = await pids();
  const id = await begin(yard);
  await expect.poll(async () => (await operation(yard, id)).label).toMatch(/restart it now/);
  expect((await yard.sessions()).map(({ serverPid }) => serverPid)).toEqual([null, null]);
  const waiting = pids();
  await expect.poll(async () => (await yard.sessions()).map(({ state }) => state)).toEqual(['waiting', 'waiting']);
  await yard.switchyard.handlers['operation.cancel']({ operationId: id });
  expect(await waiting).toEqual(before);
  expect(await operation(yard, id)).toMatchObject({ cancelled: true, total: 2, recoverable: 2, success: 0 });
  expect((await yard.sessions()).map(({ resurrections }) => resurrections)).toEqual([0, 0]);
  expect(both.flatMap(({ heard }) => heard)).toEqual([]);
  await expect(begin(yard)).resolves.toBeGreaterThan(id);
});

it('not restarted in time, leaves every session where it was', async () => {
  const yard = await yardWith();
  const { client, heard } = await connect(yard, 'one');
  const before = (await client.query('SELECT pg_backend_pid() AS pid')).rows;
  const id = await begin(yard, 1_500);
  await expect(begin(yard)).rejects.toMatchObject({ code: 'restarting' });
  await expect.poll(async () => (await operation(yard, id)).label).toMatch(/restart it now/);
  expect((await client.query('SELECT pg_backend_pid() AS pid')).rows).toEqual(before);
  expect(await operation(yard, id)).toMatchObject({ cancelled: false, total: 1, recoverable: 1 });
  expect((await yard.snapshot()).log.map(({ message }) => message)).toContain(
    `The restart of ${backend()} is over: it was not restarted in time.`,
  );
  expect(heard).toEqual([]);
});

it('given up while the server is away, still brings its sessions back when it comes', async () => {
  const yard = await yardWith();
  const { client, heard } = await connect(yard, 'one');
  await client.query(`SET app.user_id = 'ada'`);
  const id = await begin(yard);
  await expect.poll(async () => (await operation(yard, id)).label).toMatch(/restart it now/);
  await cluster().down('fast');
  await expect.poll(async () => (await operation(yard, id)).label).toMatch(/it is away/);
  await yard.switchyard.handlers['operation.cancel']({ operationId: id });
  const waiting = client.query<{ user: string }>(`SELECT current_setting('app.user_id') AS user`);
  await cluster().up();
  expect((await waiting).rows).toEqual([{ user: 'ada' }]);
  expect((await yard.sessions()).map(({ resurrections }) => resurrections)).toEqual([1]);
  expect(heard).toEqual([]);
});

it('holds sessions in transaction mode as well: they wait in their queue', async () => {
  const yard = await yardWith({ pooling: { mode: 'transaction' } });
  const free = await connect(yard, 'free');
  await free.client.query(`SET app.user_id = 'alan'`);
  const pinned = await connect(yard, 'pinned');
  await pinned.client.query('SELECT pg_advisory_lock(1)');
  const id = await begin(yard);
  await expect
    .poll(async () => (await blockers(yard, id)).map(({ reason }) => reason))
    .toEqual([expect.stringMatching(/it is pinned: .*advisory/)]);
  await pinned.client.query('SELECT pg_advisory_unlock(1)');
  await expect.poll(async () => (await operation(yard, id)).label).toMatch(/restart it now/);
  const waiting = free.client.query<{ user: string }>(`SELECT current_setting('app.user_id') AS user`);
  await expect.poll(async () => (await yard.sessions()).filter(({ state }) => state === 'waiting').length).toBe(1);
  await cluster().restart('fast');
  expect((await waiting).rows).toEqual([{ user: 'alan' }]);
  expect([...free.heard, ...pinned.heard]).toEqual([]);
});

it('refuses a backend that nobody knows', async () => {
  const yard = await yardWith();
  await expect(
    (async () => await yard.switchyard.handlers['backend.restart']({ backend: '127.0.0.1:1', withinMs: 1_000 }))(),
  ).rejects.toMatchObject({
    code: 'unknown_backend',
  });
});

it('is asked for on the console, which answers when the server may be restarted', async () => {
  const yard = await yardWith();
  const { client, heard } = await connect(yard, 'one');
  await client.query(`SET app.user_id = 'ada'`);
  const console = await yard.consoleClient();
  onTestFinished(() => console.end());
  expect((await console.query(`RESTART BACKEND ${backend()} WITHIN 60`)).rows).toEqual([
    { operation: '1', state: 'restart it now', sessions: '1' },
  ]);
  await cluster().restart('immediate');
  expect((await client.query<{ user: string }>(`SELECT current_setting('app.user_id') AS user`)).rows).toEqual([{ user: 'ada' }]);
  await expect.poll(async () => (await console.query<{ success: string }>('SHOW OPERATIONS')).rows[0]?.success).toBe('1');
  const timeline = await console.query<{ event: string }>(`SHOW TIMELINE ${(await yard.sessions())[0]?.id ?? 0}`);
  expect(timeline.rows.map(({ event }) => event)).toEqual(['connected', 'resurrected']);
  expect(yard.switchyard.metrics()).toMatch(/^switchyard_resurrections_total 1$/m);
  await client.query('BEGIN');
  const again = console.query(`RESTART BACKEND ${backend()}`);
  await expect.poll(async () => (await yard.snapshot()).operations.at(-1)?.blockers).toBe(1);
  await yard.switchyard.handlers['operation.cancel']({ operationId: 2 });
  await expect(again).rejects.toMatchObject({ code: '55000' });
  await client.query('COMMIT');
  expect(heard).toEqual([]);
});
