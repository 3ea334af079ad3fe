/**
 * Clients that vanish, and servers that do, in transaction mode: what a client leaves open is ended and rolled back, its server
 * connection serves others or is closed; a server that goes takes nobody along who does not use it.
 */
import { describe, expect, it, onTestFinished } from 'vitest';
import type { SettingsInput } from '../../core/contract/index.ts';
import { useCluster } from '../support/cluster.ts';
import { asleep, driver, errorCodes, one, pool, pooledYard, query, raw, sessionsIn, soon, value } from '../support/pooled.ts';
import { bind, cstring, execute, fields, flush, message, parse, rows, sync, terminate, WireClient } from '../support/wire-client.ts';
import type { Yard } from '../support/yard.ts';

const cluster = useCluster({ name: 'vanished' });
const yardWith = (pooling: SettingsInput['pooling'] = {}): Promise<Yard> =>
  pooledYard({ 'ep-a': cluster().url() }, { size: 1, ...pooling });

/** A connection that does not go through the switchyard, for what really happens on the server. */
async function direct(): Promise<WireClient> {
  const { client } = await WireClient.start(cluster().port, { application_name: 'direct' });
  onTestFinished(() => client.destroy());
  return client;
}

async function table(name: string): Promise<void> {
  const client = await direct();
  await client.query(`drop table if exists ${name}`);
  await client.query(`create table ${name} (a int)`);
  client.destroy();
}

/** Server processes that still do something for a client of the switchyard. */
const BUSY = `select count(*) from pg_stat_activity where backend_type = 'client backend' and application_name <> 'direct' and state <> 'idle'`;

const stuff = (client: WireClient): void => {
  client.socket.removeAllListeners('data');
  client.socket.pause();
};

/** What a client does before it vanishes. All have written a row into `left`, which is there afterwards where `kept` says so. */
interface Scene {
  readonly what: string;
  readonly act: (client: WireClient, yard: Yard) => Promise<void>;
  /** Rows of `left_over` afterwards. */
  readonly rows: string;
  /** The server connection is used again when transactions are rolled back. */
  readonly reused: boolean;
}

const running = (): Promise<void> => asleep(cluster().port, 1);

const SCENES: readonly Scene[] = [
  {
    what: 'between two transactions',
    act: async (client) => void (await client.query('insert into left_over values (1)')),
    rows: '1',
    reused: true,
  },
  {
    what: 'idle in a transaction',
    act: async (client) => {
      await client.query('begin');
      await client.query('insert into left_over values (1)');
    },
    rows: '0',
    reused: true,
  },
  {
    what: 'in a failed transaction',
    act: async (client) => {
      await client.query('begin');
      await client.query('insert into left_over values (1)');
      await client.query('select 1/0');
    },
    rows: '0',
    reused: true,
  },
  {
    what: 'in the middle of a statement',
    act: async (client) => {
      client.write(query('insert into left_over select 1 from pg_sleep(60)'));
      await running();
    },
    rows: '0',
    reused: true,
  },
  {
    what: 'in the middle of a statement of a transaction',
    act: async (client) => {
      await client.query('begin');
      await client.query('insert into left_over values (1)');
      client.write(query('select pg_sleep(60)'));
      await running();
    },
    rows: '0',
    reused: true,
  },
  {
    what: 'in the middle of COPY FROM STDIN',
    act: async (client, yard) => {
      client.write(query('copy left_over from stdin'));
      await client.until('G');
      client.write(message('d', Buffer.from('1\n')));
      await expect.poll(async () => (await yard.sessions())[0]?.lastRequest?.type, soon).toBe('d');
    },
    rows: '0',
    reused: true,
  },
  {
    what: 'in the middle of COPY FROM STDIN in the extended protocol, in a transaction',
    act: async (client, yard) => {
      await client.query('begin');
      await client.query('insert into left_over values (1)');
      client.write(parse('', 'copy left_over from stdin'), bind('', ''), execute(''), flush);
      await client.until('G');
      client.write(message('d', Buffer.from('1\n')));
      await expect.poll(async () => (await yard.sessions())[0]?.lastRequest?.type, soon).toBe('d');
    },
    rows: '0',
    reused: true,
  },
  {
    what: 'in the middle of COPY TO STDOUT that it does not read',
    act: async (client, yard) => {
      await client.query('begin');
      await client.query('insert into left_over values (1)');
      stuff(client);
      client.write(query("copy (select repeat('x', 1000) from generate_series(1, 1000000)) to stdout"));
      await expect.poll(async () => (await yard.sessions())[0]?.bytesOut ?? 0, soon).toBeGreaterThan(100_000);
    },
    rows: '0',
    reused: true,
  },
  {
    what: 'in the middle of a result that it does not read',
    act: async (client, yard) => {
      stuff(client);
      client.write(query("select repeat('x', 1000) from generate_series(1, 1000000)"));
      await expect.poll(async () => (await yard.sessions())[0]?.bytesOut ?? 0, soon).toBeGreaterThan(100_000);
    },
    rows: '0',
    reused: true,
  },
  {
    what: 'in the middle of a row of 60 MB',
    act: async (client, yard) => {
      stuff(client);
      client.write(query("select repeat('x', 60000000)"));
      await expect.poll(async () => (await yard.sessions())[0]?.bytesOut ?? 0, soon).toBeGreaterThan(100_000);
    },
    rows: '0',
    reused: true,
  },
  {
    what: 'in the middle of an open pipeline',
    act: async (client) => {
      client.write(parse('', 'insert into left_over values (1)'), bind('', ''), execute(''), flush);
      await client.until('C');
      client.write(parse('', 'select pg_sleep(60)'), bind('', ''), execute(''), flush);
      await running();
    },
    rows: '0',
    reused: true,
  },
  {
    what: 'in the middle of a pipeline of several transactions: what has not begun is not run',
    act: async (client) => {
      const insert = [parse('', 'insert into left_over values (1)'), bind('', ''), execute(''), sync];
      client.write(...insert, parse('', 'select pg_sleep(60)'), bind('', ''), execute(''), sync);
      await client.until('Z');
      await running();
    },
    rows: '1',
    reused: true,
  },
  {
    what: 'in the middle of a message',
    act: async (client, yard) => {
      await client.query('begin');
      await client.query('insert into left_over values (1)');
      client.write(query(`insert into left_over values (2) -- ${'x'.repeat(100_000)}`).subarray(0, 50_000));
      await expect.poll(async () => (await yard.sessions())[0]?.lastRequest?.type, soon).toBe('Q');
    },
    rows: '0',
    reused: false,
  },
  {
    what: 'in the middle of a CopyData message',
    act: async (client, yard) => {
      client.write(query('copy left_over from stdin'));
      await client.until('G');
      client.write(message('d', Buffer.alloc(100_000, '1\n')).subarray(0, 50_001));
      await expect.poll(async () => (await yard.sessions())[0]?.lastRequest?.type, soon).toBe('d');
    },
    rows: '0',
    reused: false,
  },
];

describe.each(['rollback', 'close'] as const)('a client that vanishes, with abandoned transactions set to %s', (abandoned) => {
  it.each(SCENES)('$what', async ({ act, rows: left, reused, what }) => {
    await table('left_over');
    const yard = await yardWith({ abandoned });
    const { client } = await raw(yard);
    await client.query('select 1');
    await act(client, yard);
    const { client: waiter } = await raw(yard);
    waiter.write(query("select 'served'"));
    if (what !== 'between two transactions') await sessionsIn(yard, 'waiting', 1);
    client.socket.resetAndDestroy();
    expect(rows(await waiter.until('Z')), 'whoever waits is served').toEqual([['served']]);
    await expect.poll(async () => (await yard.sessions()).length, soon).toBe(1);
    const server = await direct();
    await expect.poll(() => value(server, BUSY), soon).toBe('0');
    // Waits for the locks that the transaction had, if it is still there.
    await server.query('lock table left_over');
    expect(await value(server, 'select count(*) from left_over')).toBe(left);
    const isIdle = what === 'between two transactions';
    expect((await pool(yard)).opened).toBe(isIdle || (reused && abandoned === 'rollback') ? 1 : 2);
    expect(await pool(yard)).toMatchObject({ active: 0, idle: 1, waiting: 0, cancelling: 0, resetting: 0 });
    expect(await value(waiter, "select current_setting('transaction_isolation')")).toBe('read committed');
  });
});

describe('a client that closes its half', () => {
  it('hears the answer to its query, and the end', async () => {
    const yard = await yardWith();
    const { client } = await raw(yard);
    client.write(query("select 'heard', pg_sleep(0.3)"));
    client.halfClose();
    expect(rows(await client.until('Z'))).toEqual([['heard', '']]);
    await client.closed();
    await expect.poll(async () => pool(yard), soon).toMatchObject({ idle: 1, opened: 1 });
  });

  it('hears it when it had to wait for a server connection', async () => {
    const yard = await yardWith();
    const { client: holder } = await raw(yard);
    await holder.query('begin');
    const { client } = await raw(yard);
    client.write(query("select 'late'"));
    client.halfClose();
    await expect.poll(async () => (await pool(yard)).waiting, soon).toBe(1);
    await holder.query('commit');
    expect(rows(await client.until('Z'))).toEqual([['late']]);
    await client.closed();
    expect(await value(holder, 'select 1')).toBe('1');
  });

  it('hears all the answers of its pipeline', async () => {
    const yard = await yardWith();
    const { client } = await raw(yard);
    client.write(...[1, 2, 3].flatMap((n) => [parse('', `select ${n}, pg_sleep(0.1)`), bind('', ''), execute(''), sync]), terminate);
    client.halfClose();
    for (const n of [1, 2, 3]) expect(rows(await client.until('Z'))).toEqual([[String(n), '']]);
    await client.closed();
  });

  it.each([
    ['in a transaction', ['begin', 'insert into half values (1)']],
    ['in COPY', ['copy half from stdin']],
  ])('%s is rolled back', async (_where, statements) => {
    await table('half');
    const yard = await yardWith();
    const { client } = await raw(yard);
    for (const sql of statements) {
      client.write(query(sql));
      await client.until(sql.startsWith('copy') ? 'G' : 'Z');
    }
    client.halfClose();
    await client.closed();
    const server = await direct();
    await expect.poll(() => value(server, BUSY), soon).toBe('0');
    expect(await value(server, 'select count(*) from half')).toBe('0');
    const { client: next } = await raw(yard);
    expect(await value(next, 'select 1')).toBe('1');
  });
});

it('clients that vanish in the queue leave it; nobody is overtaken or forgotten', async () => {
  const yard = await yardWith();
  const { client: holder } = await raw(yard);
  await holder.query('begin');
  const waiters = await Promise.all(Array.from({ length: 20 }, () => raw(yard)));
  waiters.forEach(({ client }, at) => client.write(query(`select ${at}`)));
  await sessionsIn(yard, 'waiting', 20);
  waiters.forEach(({ client }, at) => at % 2 === 0 && client.socket.resetAndDestroy());
  await sessionsIn(yard, 'waiting', 10);
  await holder.query('commit');
  for (const [at, { client }] of waiters.entries()) if (at % 2 === 1) expect(rows(await client.until('Z'))).toEqual([[String(at)]]);
  expect(await pool(yard)).toMatchObject({ opened: 1, waiting: 0 });
});

it('a storm of clients that vanish anywhere leaves the pool as it was', async () => {
  await table('storm');
  const yard = await yardWith({ size: 3 });
  const seed = Date.now() % 100_000;
  let state = seed;
  const random = (below: number): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  const { client: steady } = await raw(yard);
  let running = true;
  const steadily = (async () => {
    for (let n = 0; running; n++) expect(rows(await steady.query(`select ${n}`)), `seed ${seed}`).toEqual([[String(n)]]);
  })();
  for (let round = 0; round < 15; round++) {
    const clients = await Promise.all(Array.from({ length: 6 }, () => raw(yard)));
    for (const { client } of clients) {
      const bytes = Buffer.concat([
        query('begin'),
        query('insert into storm values (1)'),
        parse('', 'select pg_sleep(0.02)'),
        bind('', ''),
        execute(''),
        sync,
        query('copy storm from stdin'),
        message('d', Buffer.from('1\n')),
      ]);
      client.write(bytes.subarray(0, 1 + random(bytes.length)));
    }
    await new Promise((resolve) => setTimeout(resolve, random(60)));
    for (const { client } of clients) client.socket.resetAndDestroy();
  }
  await expect.poll(async () => (await yard.sessions()).length, soon).toBe(1);
  running = false;
  await steadily;
  await expect.poll(async () => pool(yard), soon).toMatchObject({ active: 0, waiting: 0, cancelling: 0, resetting: 0 });
  const server = await direct();
  await expect.poll(() => value(server, BUSY), soon).toBe('0');
  expect(await value(server, 'select count(*) from storm'), `seed ${seed}`).toBe('0');
}, 120_000);

describe('a server connection that is killed', () => {
  const kill = async (sql: string): Promise<void> => {
    const server = await direct();
    await server.query(`select pg_terminate_backend(pid, 10000) from pg_stat_activity where ${sql}`);
  };
  const OURS = `backend_type = 'client backend' and application_name <> 'direct'`;

  it('while nobody uses it is noticed by nobody', async () => {
    const yard = await yardWith({ size: 3 });
    const clients = await Promise.all(Array.from({ length: 3 }, () => driver(yard, { application_name: 'detached' })));
    await Promise.all(clients.map((client) => client.query("set timezone = 'Asia/Tokyo'")));
    await Promise.all(clients.map((client) => client.query({ name: 'mine', text: 'select $1::int + 1 as n', values: [1] })));
    await expect.poll(async () => (await yard.sessions()).every(({ serverPid }) => serverPid === null), soon).toBe(true);
    await kill(OURS);
    for (const client of clients) {
      expect((await client.query<{ n: number }>({ name: 'mine', text: 'select $1::int + 1 as n', values: [2] })).rows).toEqual([{ n: 3 }]);
      expect(await one(client, 'show timezone')).toBe('Asia/Tokyo');
    }
    expect((await yard.sessions()).length).toBe(3);
  });

  it('in the middle of a statement tells its client alone', async () => {
    const yard = await yardWith({ size: 3 });
    const victim = await raw(yard, { application_name: 'victim' });
    const open = await raw(yard, { application_name: 'open' });
    const detached = await raw(yard, { application_name: 'detached' });
    await detached.client.query("set timezone = 'Asia/Tokyo'");
    await open.client.query('begin');
    victim.client.write(query('select pg_sleep(60)'));
    await sessionsIn(yard, 'active', 1);
    await kill(`application_name = 'victim' and ${OURS}`);
    const words = (await victim.client.until('E')).at(-1) ?? expect.fail();
    expect(fields(words)).toMatchObject({ S: 'FATAL', C: '57P01' });
    await victim.client.closed();
    expect(await value(open.client, 'select 1')).toBe('1');
    await open.client.query('commit');
    expect(await value(detached.client, 'show timezone')).toBe('Asia/Tokyo');
    expect(await value((await raw(yard)).client, 'select 2')).toBe('2');
  });

  it('idle in a transaction, or pinned, takes its own session along and no other', async () => {
    const yard = await yardWith({ size: 3 });
    const open = await raw(yard, { application_name: 'open' });
    const pinned = await raw(yard, { application_name: 'pinned' });
    const other = await raw(yard, { application_name: 'other' });
    await pinned.client.query('select pg_advisory_lock(7)');
    await expect.poll(async () => (await yard.sessions()).some(({ pins }) => pins.length === 1), soon).toBe(true);
    await open.client.query('begin');
    await other.client.query('select 1');
    await kill(`application_name in ('open', 'pinned') and ${OURS}`);
    for (const { client } of [open, pinned]) {
      expect(fields((await client.until('E')).at(-1) ?? expect.fail())).toMatchObject({ S: 'FATAL', C: '57P01' });
      await client.closed();
    }
    expect(await value(other.client, 'select 1')).toBe('1');
    await expect.poll(async () => (await yard.sessions()).length, soon).toBe(1);
  });
});

describe.each(['fast', 'immediate'] as const)('a server that is restarted (%s)', (mode) => {
  it('is noticed by those only who were using it; all others go on, with what they had set', async () => {
    const yard = await yardWith({ size: 4, wait: 60 });
    const detached = await Promise.all(Array.from({ length: 4 }, () => driver(yard)));
    await Promise.all(detached.map((client, at) => client.query(`set my.number = '${at}'`)));
    const busy = await raw(yard);
    busy.client.write(query('select pg_sleep(60)'));
    await sessionsIn(yard, 'active', 1);
    await expect.poll(async () => (await yard.sessions()).filter(({ serverPid }) => serverPid !== null).length, soon).toBe(1);
    await cluster().restart(mode);
    expect(errorCodes(await busy.client.until('E')).at(-1)).toMatch(/^57P0[12]$/);
    await busy.client.closed();
    for (const [at, client] of detached.entries()) {
      await expect.poll(() => one(client, 'show my.number').catch((error: Error) => error.message), soon).toBe(String(at));
    }
    expect((await yard.sessions()).length).toBe(4);
    await expect.poll(async () => (await yard.sessions()).map(({ state }) => state), soon).toEqual(['idle', 'idle', 'idle', 'idle']);
  });
});

it('text that a client had sent when its server went is answered once, as not run, and never run twice', async () => {
  await table('twice');
  const yard = await yardWith();
  const { client } = await raw(yard, { application_name: 'twice' });
  client.write(message('Q', cstring('insert into twice values (1); select pg_sleep(60)')));
  await sessionsIn(yard, 'active', 1);
  const server = await direct();
  await server.query(`select pg_terminate_backend(pid, 10000) from pg_stat_activity where application_name = 'twice'`);
  expect(errorCodes(await client.until('E'))).toEqual(['57P01']);
  await client.closed();
  const { client: next } = await raw(yard);
  await next.query('select 1');
  expect(await value(server, 'select count(*) from twice')).toBe('0');
});
