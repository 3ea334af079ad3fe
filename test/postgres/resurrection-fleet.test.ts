/**
 * Both servers are restarted in turn under 50 idle and 20 busy clients: the idle ones see no error at all, the busy ones none or a clear one,
 * and nothing is left over.
 */
import pg from 'pg';
import postgres from 'postgres';
import { expect, it, onTestFinished } from 'vitest';
import type { Cluster } from '../../main/demo/cluster.ts';
import { useCluster } from '../support/cluster.ts';
import { lookedAt } from '../support/resurrection.ts';
import { startYard, type Yard } from '../support/yard.ts';
import { bind, closeStatement, cstring, execute, message, parse, sync, WireClient } from '../support/wire-client.ts';

const IDLE = 50;
const BUSY = 20;
/** Restarts of each server. */
const ROUNDS = 2;

const one = useCluster({ name: 'one' });
const two = useCluster({ name: 'two' });
/** Undisturbed: what its clients hear is what all others should. */
const steady = useCluster({ name: 'steady' });

/** A client that has something and then does nothing. */
interface Idle {
  /** Shows that all of it is still there; how often it was asked is part of what it shows. */
  check(round: number): Promise<void>;
  end(): Promise<void>;
}

const endpointOf = (index: number): string => (index % 2 === 0 ? 'one' : 'two');

/** What idle clients heard although nobody had asked. */
const unasked: string[] = [];

async function idleNodePostgres(yard: Yard, index: number): Promise<Idle> {
  const name = `idle-${index}`;
  const client = new pg.Client({ connectionString: yard.connectionString(endpointOf(index)), application_name: name });
  client.on('error', (error) => unasked.push(`${name}: ${error.message}`));
  client.on('notice', (notice) => unasked.push(`${name}: ${notice.message ?? ''}`));
  await client.connect();
  await client.query(`SET TimeZone = 'Asia/Kathmandu'`);
  await client.query(`SELECT set_config('app.owner', $1, false)`, [name]);
  await client.query(`PREPARE by_sql (int) AS SELECT $1 + ${index} AS n`);
  await client.query({ name: 'named', text: 'SELECT $1::int * 2 AS n', values: [1] });
  await client.query('SET ROLE pg_monitor');
  return {
    check: async (round) => {
      const { rows } = await client.query(
        `SELECT current_setting('TimeZone') AS zone, current_setting('app.owner') AS owner, current_user AS role, current_setting('application_name') AS name`,
      );
      expect(rows).toEqual([{ zone: 'Asia/Kathmandu', owner: name, role: 'pg_monitor', name }]);
      expect((await client.query({ name: 'named', text: 'SELECT $1::int * 2 AS n', values: [round] })).rows).toEqual([{ n: round * 2 }]);
      expect((await client.query(`EXECUTE by_sql (${round})`)).rows).toEqual([{ n: round + index }]);
    },
    end: () => client.end(),
  };
}

async function idlePostgresJs(yard: Yard, index: number): Promise<Idle> {
  const name = `idle-${index}`;
  let isEnding = false;
  const sql = postgres(yard.connectionString(endpointOf(index)), {
    max: 1,
    connection: { application_name: name },
    onnotice: (notice) => unasked.push(`${name}: ${notice['message'] ?? ''}`),
    onclose: () => void (isEnding || unasked.push(`${name}: closed`)),
  });
  await sql`SELECT set_config('app.owner', ${name}, false)`;
  await sql.unsafe(`SET work_mem = '7MB'`);
  return {
    check: async (round) => {
      const [row] = await sql<{ owner: string; memory: string; round: number }[]>`
        SELECT current_setting('app.owner') AS owner, current_setting('work_mem') AS memory, ${round}::int AS round`;
      expect({ ...row }).toEqual({ owner: name, memory: '7MB', round });
    },
    end: async () => {
      if (isEnding) return;
      isEnding = true;
      await sql.end({ timeout: 5 });
    },
  };
}

/** Every byte that it hears is compared with what a client hears on an undisturbed server. */
async function idleOnTheWire(yard: Yard, index: number, reference: Cluster): Promise<Idle> {
  const parameters = { application_name: `idle-${index}` };
  const { client } = await WireClient.start(yard.port, { ...parameters, options: `endpoint=${endpointOf(index)}` });
  const { client: direct } = await WireClient.start(reference.port, parameters);
  const both = async (...parts: Buffer[]): Promise<void> => {
    client.write(...parts);
    direct.write(...parts);
    expect(await client.until('Z')).toEqual(await direct.until('Z'));
  };
  const query = (text: string): Buffer => message('Q', cstring(text));
  await both(query(`SET DateStyle = 'German, DMY'`));
  await both(query('PREPARE by_sql AS SELECT DATE $$2026-11-21$$'));
  await both(parse('named', 'SELECT $1::int + 1, $2::text'), sync);
  // Two cycles: the unnamed statement has to outlive the server between its Parse and its Bind.
  await both(parse('', 'SELECT $1::text, current_setting($2)'), sync);
  return {
    check: async (round) => {
      await both(bind('', '', [`round ${round}`, 'DateStyle']), execute(''), sync);
      await both(bind('', 'named', [String(round), 'x']), execute(''), sync);
      await both(query('EXECUTE by_sql'));
      await both(parse('more', 'SELECT 1'), bind('', 'more'), execute(''), closeStatement('more'), sync);
      await both(parse('', 'SELECT $1::text, current_setting($2)'), sync);
    },
    end: async () => {
      client.write(message('X'));
      direct.write(message('X'));
      await Promise.all([client.closed(), direct.closed()]);
      client.destroy();
      direct.destroy();
    },
  };
}

/** Asks without a pause; connects again after an error. */
class Busy {
  answers = 0;
  readonly errors: { code: string; message: string }[] = [];
  readonly wrong: string[] = [];
  readonly #yard: Yard;
  readonly #index: number;
  #isEnding = false;
  readonly #done: Promise<void>;

  constructor(yard: Yard, index: number) {
    this.#yard = yard;
    this.#index = index;
    this.#done = this.#run();
  }

  async end(): Promise<void> {
    this.#isEnding = true;
    await this.#done;
  }

  async #run(): Promise<void> {
    while (!this.#isEnding) {
      const client = new pg.Client({
        connectionString: this.#yard.connectionString(endpointOf(this.#index)),
        application_name: `busy-${this.#index}`,
      });
      // Between two statements an error comes as an event; the next statement then only says that the connection is of no use.
      let event: Error | null = null;
      client.on('error', (error) => (event ??= error));
      try {
        await client.connect();
        while (!this.#isEnding) await this.#ask(client);
      } catch (error) {
        const { code = '', message: text } = (event ?? error) as Error & { code?: string };
        this.errors.push({ code, message: text });
      } finally {
        await client.end().catch(() => undefined);
      }
    }
  }

  async #ask(client: pg.Client): Promise<void> {
    const n = this.answers + 1;
    const inTransaction = n % 5 === 0;
    if (inTransaction) await client.query('BEGIN');
    const { rows } = await client.query<{ n: number }>('SELECT $1::int AS n, pg_sleep(0.002)', [n]);
    if (rows[0]?.n !== n) this.wrong.push(`${rows[0]?.n} instead of ${n}`);
    if (inTransaction) await client.query('COMMIT');
    this.answers++;
  }
}

function openSockets(): number {
  return process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap').length;
}

it('restarts of both servers in turn', async () => {
  const before = openSockets();
  const yard = await startYard({ endpoints: { one: one().url(), two: two().url() } });
  onTestFinished(() => yard.stop());
  const idle: Idle[] = [];
  for (let index = 0; index < IDLE; index++) {
    const kinds = [idleNodePostgres, idlePostgresJs, (each: Yard, at: number) => idleOnTheWire(each, at, steady())];
    const make = kinds[index % kinds.length] ?? expect.fail();
    idle.push(await make(yard, index));
  }
  const ids = new Set((await yard.sessions()).map(({ id }) => id));
  expect(ids.size).toBe(IDLE);
  for (const client of idle) await client.check(0);
  const busy = Array.from({ length: BUSY }, (_, index) => new Busy(yard, index));
  onTestFinished(async () => {
    await Promise.all(busy.map((each) => each.end()));
  });
  let round = 0;
  for (let turn = 0; turn < ROUNDS; turn++) {
    for (const [endpoint, cluster] of [
      ['one', one()],
      ['two', two()],
    ] as const) {
      round++;
      await lookedAt(yard, cluster, endpoint, ids);
      const answers = busy.map((each) => each.answers);
      await cluster.restart(turn % 2 === 0 ? 'fast' : 'immediate');
      for (const client of idle) await client.check(round);
      // Everybody who was busy is again.
      await expect.poll(() => busy.every((each, index) => each.answers > (answers[index] ?? 0) + 10)).toBe(true);
    }
  }
  const rows = (await yard.sessions()).filter(({ id }) => ids.has(id));
  expect(rows.map(({ resurrections }) => resurrections)).toEqual(Array.from({ length: IDLE }, () => ROUNDS));
  await Promise.all(busy.map((each) => each.end()));
  const errors = busy.flatMap((each) => each.errors);
  console.log(`busy clients: ${busy.reduce((sum, each) => sum + each.answers, 0)} answers, ${errors.length} errors`, [
    ...new Set(errors.map(({ code, message: text }) => `${code} ${text}`)),
  ]);
  expect(busy.flatMap((each) => each.wrong)).toEqual([]);
  // What a server says that goes, or cannot be had, and what the proxy says of it.
  expect(errors.filter(({ code }) => !/^(?:57P0[123]|08\w{3})$/.test(code))).toEqual([]);
  expect(unasked).toEqual([]);
  await Promise.all(idle.map((client) => client.end()));
  await expect.poll(async () => (await yard.sessions()).length).toBe(0);
  await expect
    .poll(async () => (await yard.snapshot()).pools.map(({ active, waiting, connecting }) => active + waiting + connecting))
    .toEqual([0, 0]);
  await yard.stop();
  await expect.poll(openSockets).toBeLessThanOrEqual(before);
}, 240_000);
