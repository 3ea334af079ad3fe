import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import net from 'node:net';
import { promisify } from 'node:util';
import pg from 'pg';
import postgres from 'postgres';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ConsoleSession } from '../../core/console/console-session.ts';
import { averageFigures } from '../../core/console/host.ts';
import { viewNames } from '../../core/console/views.ts';
import { CallError, type TransferRow } from '../../core/contract/index.ts';
import { EventLog } from '../../core/metrics/log.ts';
import { readErrorFields } from '../../core/wire/errors.ts';
import { MessageReader, type Message } from '../../core/wire/message-reader.ts';
import * as wire from '../../core/wire/messages.ts';
import { figures, sessionRow, startConsole, transferRow, type ConsoleRig, type FakeHost } from '../support/console-rig.ts';

let rig: ConsoleRig;
let host: FakeHost;
let log: EventLog;
let port: number;
let consoles: ConsoleSession[];
let sockets: net.Socket[];

beforeEach(async () => {
  rig = await startConsole();
  ({ host, log, port, consoles, sockets } = rig);
});

afterEach(async () => {
  await rig.stop();
  const failures = log.list().filter((entry) => entry.code === 'internal');
  if (failures.length > 0) throw new Error(failures.map((entry) => entry.message).join('\n'));
});

const pgConfig = () => ({ host: '127.0.0.1', port, user: 'me', database: 'switchyard', application_name: 'test' });

async function withPg<T>(action: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client(pgConfig());
  await client.connect();
  try {
    return await action(client);
  } finally {
    await client.end();
  }
}

/** A client that sends frames and collects messages up to the n-th ReadyForQuery, or to the end. */
class RawClient {
  readonly socket: net.Socket;
  readonly #reader = new MessageReader();
  readonly messages: Message[] = [];
  /** ReadyForQuery so far. */
  ready = 0;
  #wake: () => void = () => {};
  ended = false;
  constructor() {
    this.socket = net.connect({ host: '127.0.0.1', port, allowHalfOpen: true });
    this.socket.on('error', () => {});
    this.socket.on('data', (chunk: Buffer) => {
      this.#reader.push(chunk);
      for (let message = this.#reader.next(); message !== null; message = this.#reader.next()) {
        this.messages.push(message);
        if (message.type === 0x5a) this.ready++;
      }
      this.#wake();
    });
    for (const event of ['end', 'close'])
      this.socket.on(event, () => {
        this.ended = true;
        this.#wake();
      });
    this.socket.write(
      wire.startupMessage(
        new Map([
          ['user', 'me'],
          ['database', 'switchyard'],
        ]),
      ),
    );
  }
  async until(done: () => boolean): Promise<void> {
    while (!done() && !this.ended) await new Promise<void>((resolve) => (this.#wake = resolve));
  }
  /** Types of the messages that come until `ready` more ReadyForQuery are in, as a string. */
  async exchange(frames: Buffer[], ready = 1): Promise<string> {
    await this.until(() => this.ready >= 1);
    const start = this.messages.length;
    const before = this.ready;
    this.socket.write(Buffer.concat(frames));
    await this.until(() => this.ready >= before + ready);
    return this.messages
      .slice(start)
      .map(({ type }) => String.fromCharCode(type))
      .join('');
  }
  count(type: string): number {
    return this.messages.filter((message) => message.type === type.charCodeAt(0)).length;
  }
  errors() {
    return this.messages.filter((message) => message.type === 69).map((message) => readErrorFields(message.body));
  }
  async close(): Promise<void> {
    this.socket.destroy();
    await this.until(() => this.ended);
  }
}

async function withRaw<T>(action: (client: RawClient) => Promise<T>): Promise<T> {
  const client = new RawClient();
  try {
    return await action(client);
  } finally {
    await client.close();
  }
}

describe('console with node-postgres', () => {
  it('shows clients with PgBouncer columns first, then ours', () =>
    withPg(async (client) => {
      const { rows, fields, command } = await client.query('SHOW CLIENTS;');
      const names = fields.map((field) => field.name);
      expect(names.slice(0, 22).join(' ')).toBe(
        'type user database replication state addr port local_addr local_port connect_time request_time wait wait_us close_needed ptr link remote_pid tls application_name prepared_statements id endpoint',
      );
      expect(rows).toHaveLength(3);
      expect(rows[0]).toMatchObject({
        type: 'C',
        user: 'me',
        state: 'active',
        connect_time: '2026-01-02 03:04:05 UTC',
        link: 'server-7',
        ptr: 'client-1',
        application_name: 'app ü 1',
        id: '1',
        endpoint: 'ep-a',
        backend: '127.0.0.1:1',
        migrations: '1',
        resurrections: '0',
        session_state: 'idle in transaction',
        transaction: 'T',
        tls: null,
      });
      expect(command).toBe('SHOW');
    }));

  it.each(viewNames)('describes SHOW %s before it runs, and answers alike in both protocols', (view) =>
    withPg(async (client) => {
      const simple = await client.query(`show ${view.toLowerCase()}`);
      const extended = await client.query({ name: view, text: `SHOW ${view}`, values: [] });
      if (view !== 'MEM') expect(extended.rows).toEqual(simple.rows);
      expect(extended.fields.map((field) => field.name)).toEqual(simple.fields.map((field) => field.name));
      for (const row of simple.rows as Record<string, unknown>[]) expect(Object.keys(row)).toHaveLength(simple.fields.length);
    }),
  );

  it('follows PgBouncer in SHOW STATS, SHOW POOLS and SHOW SERVERS', () =>
    withPg(async (client) => {
      const stats = await client.query('SHOW STATS');
      expect(stats.fields.slice(0, 9).map((field) => field.name)).toEqual([
        'database',
        'total_server_assignment_count',
        'total_xact_count',
        'total_query_count',
        'total_received',
        'total_sent',
        'total_xact_time',
        'total_query_time',
        'total_wait_time',
      ]);
      expect(stats.rows[0]).toMatchObject({ total_query_count: '3', avg_recv: '4', total_client_login_count: '12' });
      const pools = await client.query('SHOW POOLS');
      expect(
        pools.fields
          .slice(0, 17)
          .map((field) => field.name)
          .join(' '),
      ).toBe(
        'database user cl_active cl_waiting cl_active_cancel_req cl_waiting_cancel_req sv_active sv_active_cancel sv_being_canceled sv_idle sv_used sv_tested sv_login maxwait maxwait_us pool_mode load_balance_hosts',
      );
      expect(pools.rows[0]).toMatchObject({ maxwait: '1', maxwait_us: '500000', sv_idle: '1' });
      expect((await client.query('SHOW SERVERS')).rows[0]).toMatchObject({
        type: 'S',
        link: 'client-1',
        remote_pid: '4001',
        tls: 'TLSv1.3/TLS_AES_256_GCM_SHA384',
        client_id: '1',
      });
    }));

  it('counts by the names of the first seed', () =>
    withPg(async (client) => {
      host.tally.begin();
      host.tally.settle('success', 10, 2);
      const { rows } = await client.query<{ metric: string; value: string }>('SHOW COUNTERS');
      const values = new Map(rows.map((row) => [row.metric, row.value]));
      expect(values.get('proxy.conn_migration.attempted')).toBe('1');
      expect(values.get('proxy.conn_migration.attempted.latency.max_ms')).toBe('10');
    }));

  it('migrates a client, in words, quoted, with bound values', () =>
    withPg(async (client) => {
      const first = await client.query('MIGRATE CLIENT 1 TO ep-b;');
      expect(first.rows).toEqual([
        { id: '1', outcome: 'success', reason: null, pause_ms: '1.235', from_backend: '127.0.0.1:1', to_backend: '127.0.0.1:2' },
      ]);
      await client.query('migrate client 2 to "ep-b" within 1.5');
      await client.query("migrate client 2 to 'ep-b' within .5");
      await client.query('MIGRATE CLIENT $1 TO $2 WITHIN $3', [3, 'ep-a', 7]);
      await client.query('migrate client 1 to other');
      expect(host.asked).toEqual([
        { ids: [1], to: 'ep-b', withinMs: 30_000 },
        { ids: [2], to: 'ep-b', withinMs: 1500 },
        { ids: [2], to: 'ep-b', withinMs: 500 },
        { ids: [3], to: 'ep-a', withinMs: 7000 },
        { ids: [1], to: 'Other', withinMs: 30_000 },
      ]);
    }));

  it('migrates an endpoint: one row per session', () =>
    withPg(async (client) => {
      host.outcome = async (id, to) => transferRow(id, to, id === 1 ? 'success' : 'refused', id === 1 ? null : 'temporary table "t"');
      const { rows } = await client.query('MIGRATE ENDPOINT ep-a TO ep-b WITHIN 0');
      expect(rows).toMatchObject([
        { id: '1', outcome: 'success' },
        { id: '2', outcome: 'refused', reason: 'temporary table "t"', pause_ms: null },
      ]);
      expect((await client.query('MIGRATE ENDPOINT Other TO ep-b')).rows).toEqual([]);
    }));

  it.each([
    ['MIGRATE CLIENT 99 TO ep-b', '42704', /no client 99/],
    ['MIGRATE CLIENT x TO ep-b', '42704', /no client "x"/],
    ['MIGRATE CLIENT 1 TO nowhere', '42704', /no endpoint "nowhere"/],
    ['MIGRATE CLIENT 1 TO "other"', '42704', /no endpoint "other"/],
    ['MIGRATE CLIENT 1 TO ep-b WITHIN 4000', '22023', /WITHIN/],
    ['MIGRATE CLIENT 1 TO ep-b WITHIN -1', '22023', /WITHIN/],
    ['MIGRATE CLIENT 1 ep-b', '42601', /expected TO/],
    ['MIGRATE CLIENT 1 TO', '42601', /end of input/],
    ['MIGRATE CLIENT 1 TO ep-b NOW', '42601', /"NOW"/],
    ['MIGRATE SESSION 1 TO ep-b', '42601', /CLIENT or ENDPOINT/],
    ['MIGRATE CLIENT $1 TO ep-b', '42P02', /\$1/],
    ['FROBNICATE', '42601', /unknown command "FROBNICATE"/],
    ['SHOW', '42601', /./],
    ['SHOW CLIENTS please', '42601', /"please"/],
    ['SHOW nonsense', '42704', /"nonsense"/],
    ['SELECT * FROM t', '0A000', /no queries/],
    ['SHOW CLIENTS; FROBNICATE', '42601', /FROBNICATE/],
  ])('answers %s with %s', (sql, code, message) =>
    withPg(async (client) => {
      await expect(client.query(sql)).rejects.toMatchObject({ code, message: expect.stringMatching(message) as unknown });
      expect(host.asked).toEqual([]);
      expect((await client.query('SHOW VERSION')).rows).toEqual([{ version: 'Switchyard 0.1.0' }]);
    }),
  );

  it('hints at SHOW HELP', () =>
    withPg(async (client) => {
      await expect(client.query('what')).rejects.toMatchObject({ hint: expect.stringContaining('SHOW HELP') as unknown });
    }));

  it('passes on what the facade refuses, and survives what it did not foresee', async () => {
    await withPg(async (client) => {
      host.outcome = () => Promise.reject(new CallError('in_use', 'not now', 'later'));
      await expect(client.query('MIGRATE CLIENT 1 TO ep-b')).rejects.toMatchObject({ code: '55000', message: 'not now', hint: 'later' });
      host.outcome = () => Promise.reject(new Error('boom'));
      await expect(client.query('MIGRATE CLIENT 1 TO ep-b')).rejects.toMatchObject({ code: 'XX000', message: 'boom' });
      await client.query('SHOW VERSION');
    });
    expect(log.list().map((entry) => entry.code)).toEqual(['internal']);
    log = new EventLog();
  });

  it('answers several statements at once, empty ones, and what drivers send by themselves', () =>
    withPg(async (client) => {
      const results = (await client.query('SHOW VERSION; SELECT 1; SHOW HELP;')) as unknown as pg.QueryResult[];
      expect(results.map((result) => result.rows.length > 0)).toEqual([true, true, true]);
      await client.query('');
      await client.query({ text: ' -- nothing', values: [] });
      await client.query("SET application_name = 'x'");
      expect((await client.query('show transaction isolation level')).rows).toEqual([{ transaction_isolation: 'read committed' }]);
      expect((await client.query('SHOW server_version')).rows).toEqual([{ server_version: '18.0 (Switchyard 0.1.0)' }]);
    }));

  it('keeps a transaction status that drivers believe', () =>
    withPg(async (client) => {
      await client.query('BEGIN');
      await client.query('SHOW VERSION');
      await expect(client.query('nonsense')).rejects.toMatchObject({ code: '42601' });
      await expect(client.query('SHOW VERSION')).rejects.toMatchObject({ code: '25P02' });
      expect((await client.query('COMMIT')).command).toBe('ROLLBACK');
      await client.query('SHOW VERSION');
    }));

  it('works through a pool', async () => {
    const clients = new pg.Pool({ ...pgConfig(), max: 3 });
    const answers = await Promise.all(Array.from({ length: 20 }, () => clients.query('SHOW CLIENTS')));
    expect(answers.every((answer) => answer.rows.length === 3)).toBe(true);
    await clients.end();
    await Promise.all(consoles.map((each) => each.closed));
  });
});

describe('console with postgres.js', () => {
  it('answers with types fetched, parameters, and simple queries', async () => {
    const sql = postgres({ host: '127.0.0.1', port, user: 'me', database: 'switchyard', max: 1, onnotice: () => {} });
    try {
      expect(await sql`SHOW VERSION`).toEqual([{ version: 'Switchyard 0.1.0' }]);
      expect(await sql`MIGRATE CLIENT ${1} TO ${'ep-b'} WITHIN ${2}`).toMatchObject([{ id: '1', outcome: 'success' }]);
      expect(await sql.unsafe('SHOW ENDPOINTS')).toHaveLength(3);
      expect(await sql`SHOW ENDPOINTS`.simple()).toHaveLength(3);
      await expect(sql`nonsense`).rejects.toMatchObject({ code: '42601' });
      const rows: string[] = [];
      await sql`SHOW CLIENTS`.cursor(2, (batch) => void rows.push(...batch.map((row) => String(row['id']))));
      expect(rows).toEqual(['1', '2', '3']);
      expect(await sql.begin((transaction) => transaction`SHOW VERSION`)).toHaveLength(1);
      expect(host.asked).toEqual([{ ids: [1], to: 'ep-b', withinMs: 2000 }]);
    } finally {
      await sql.end();
    }
  });
});

describe('console while a migration runs', () => {
  const hanging = (settled: string[]) => (id: number, to: string, signal: AbortSignal) =>
    new Promise<TransferRow>((resolve) => {
      signal.addEventListener('abort', () => {
        settled.push('aborted');
        resolve(transferRow(id, to, 'error_recoverable', 'cancelled'));
      });
      settled.push('started');
    });

  it('cancels with 57014 and goes on', async () => {
    const events: string[] = [];
    host.outcome = hanging(events);
    await withPg(async (client) => {
      const outcome = client.query('MIGRATE CLIENT 1 TO ep-b').then(
        () => null,
        (error: unknown) => error,
      );
      await expect.poll(() => events, { timeout: 9_000 }).toEqual(['started']);
      const canceller = net.connect(port, '127.0.0.1');
      canceller.end(wire.cancelRequest(77, Buffer.from([1, 2, 3, 4])));
      canceller.resume();
      expect(await outcome).toMatchObject({ code: '57014' });
      expect(events).toEqual(['started', 'aborted']);
      consoles[0]?.cancel();
      expect((await client.query('SHOW VERSION')).rowCount).toBe(1);
    });
  });

  it.each(['destroy', 'end'] as const)('gives up when its client leaves (%s)', async (how) => {
    const events: string[] = [];
    host.outcome = hanging(events);
    const client = new RawClient();
    await client.until(() => client.ready === 1);
    client.socket.write(wire.query('MIGRATE CLIENT 1 TO ep-b'));
    await expect.poll(() => events, { timeout: 9_000 }).toEqual(['started']);
    if (how === 'destroy') client.socket.destroy();
    else client.socket.end();
    await expect.poll(() => events, { timeout: 9_000 }).toEqual(['started', 'aborted']);
    await client.close();
    await consoles[0]?.closed;
  });

  it('says goodbye when the proxy stops', async () => {
    const events: string[] = [];
    host.outcome = hanging(events);
    await withRaw(async (client) => {
      await client.until(() => client.ready === 1);
      client.socket.write(wire.query('MIGRATE CLIENT 1 TO ep-b'));
      await expect.poll(() => events, { timeout: 9_000 }).toEqual(['started']);
      consoles[0]?.close();
      await client.until(() => false);
      expect(client.errors()).toMatchObject([{ severity: 'FATAL', sqlState: '57P01' }]);
      expect(events).toEqual(['started', 'aborted']);
    });
  });

  it('answers what was pipelined behind it, in order', () =>
    withRaw(async (client) => {
      let release = (_row: TransferRow): void => {};
      host.outcome = () => new Promise((resolve) => (release = resolve));
      const answers = client.exchange([wire.query('MIGRATE CLIENT 1 TO ep-b'), wire.query('SHOW VERSION'), wire.query('')], 3);
      await expect.poll(() => host.asked.length, { timeout: 9_000 }).toBe(1);
      release(transferRow(1, 'ep-b', 'success', null));
      expect(await answers).toBe('TDCZTDCZIZ');
    }));
});

describe('console protocol', () => {
  it('greets with what drivers need', () =>
    withRaw(async (client) => {
      await client.until(() => client.ready === 1);
      const types = client.messages.map(({ type }) => String.fromCharCode(type)).join('');
      expect(types).toMatch(/^RS+KZ$/);
      const texts = client.messages
        .filter(({ type }) => type === 83)
        .map(({ body }) => body.toString('utf8').split('\0').slice(0, 2).join('='));
      for (const wanted of [
        'server_encoding=UTF8',
        'client_encoding=UTF8',
        'DateStyle=ISO, MDY',
        'integer_datetimes=on',
        'standard_conforming_strings=on',
        'TimeZone=UTC',
        'application_name=',
      ]) {
        expect(texts).toContain(wanted);
      }
    }));

  it('pipelines the extended protocol, named and unnamed, and honours row limits', () =>
    withRaw(async (client) => {
      const { parse, bind, describe: describeMessage, execute, close, syncMessage } = wire;
      expect(
        await client.exchange([
          parse('s', 'SHOW CLIENTS'),
          describeMessage('S', 's'),
          bind('', 's'),
          describeMessage('P', ''),
          execute('', 2),
          execute('', 2),
          execute(''),
          syncMessage,
        ]),
      ).toBe('1tT2TDDsDCCZ');
      expect(await client.exchange([bind('p', 's'), execute('p', 3), execute('p', 1), close('P', 'p'), close('S', 's'), syncMessage])).toBe(
        '2DDDsC33Z',
      );
      expect(await client.exchange([parse('', ''), bind('', ''), describeMessage('P', ''), execute(''), syncMessage])).toBe('12nIZ');
      expect(await client.exchange([parse('', 'BEGIN'), bind('', ''), describeMessage('P', ''), execute(''), syncMessage])).toBe('12nCZ');
      expect(client.messages.at(-1)?.body.toString()).toBe('T');
    }));

  it('skips to Sync after an error', () =>
    withRaw(async (client) => {
      const { parse, bind, execute, syncMessage, query } = wire;
      expect(
        await client.exchange(
          [parse('', 'nonsense'), bind('', ''), execute(''), query('SHOW VERSION'), syncMessage, query('SHOW VERSION')],
          2,
        ),
      ).toBe('EZTDCZ');
    }));

  it('answers misuse with PostgreSQL codes', () =>
    withRaw(async (client) => {
      const { parse, bind, describe: describeMessage, execute, syncMessage, frame } = wire;
      const cases: [Buffer[], string][] = [
        [[bind('', 'nope')], '26000'],
        [[bind('', '')], '26000'],
        [[execute('nope')], '34000'],
        [[describeMessage('P', 'nope')], '34000'],
        [[parse('', 'SHOW VERSION; SHOW HELP')], '42601'],
        [[parse('a', 'SHOW VERSION'), parse('a', 'SHOW VERSION')], '42P05'],
        [[bind('p', 'a'), bind('p', 'a')], '42P03'],
        [[parse('', 'MIGRATE CLIENT $1 TO ep-b'), bind('', '')], '08P01'],
        [[parse('', 'MIGRATE CLIENT $1 TO ep-b'), bind('', '', [null]), execute('')], '22004'],
        [[frame(0x42, Buffer.from('\0'))], '08P01'],
        [[frame(0x42, Buffer.from('\0a\0\0\0\0\x01\0\0\x7f\xff', 'latin1'))], '08P01'],
        [[frame(0x44, Buffer.alloc(0))], '08P01'],
        [[frame(0x50, Buffer.from('no end'))], '08P01'],
      ];
      for (const [frames, code] of cases) {
        await client.exchange([...frames, syncMessage]);
        expect(client.errors().at(-1)?.sqlState).toBe(code);
      }
      expect(await client.exchange([wire.query('SHOW VERSION')])).toBe('TDCZ');
      expect(await client.exchange([frame(0x46, Buffer.from([0, 0, 0, 1])), frame(0x64), frame(0x63), wire.query('')], 2)).toBe('EZIZ');
      expect(await client.exchange([frame(0x51, Buffer.from('no end'))])).toBe('EZ');
    }));

  it('takes numbers bound in binary when their type was declared', () =>
    withRaw(async (client) => {
      const value = Buffer.from([0, 0, 0, 2]);
      const bind = wire.frame(
        0x42,
        Buffer.from('\0\0'),
        wire.int16(1),
        wire.int16(1),
        wire.int16(1),
        wire.int32(4),
        value,
        wire.int16(1),
        wire.int16(1),
      );
      const frames = [
        wire.parse('', 'MIGRATE CLIENT $1 TO ep-b', [23]),
        wire.describe('S', ''),
        bind,
        wire.describe('P', ''),
        wire.execute(''),
        wire.syncMessage,
      ];
      expect(await client.exchange(frames)).toBe('1tT2TDCZ');
      expect(host.asked).toMatchObject([{ ids: [2] }]);
      const described = client.messages.filter(({ type }) => type === 84).map(({ body }) => body.readInt16BE(body.length - 2));
      expect(described).toEqual([0, 1]);
    }));

  it.each<[string, Buffer]>([
    ['a length below four', Buffer.from([0x51, 0, 0, 0, 3])],
    ['a huge length', Buffer.from([0x51, 0x7f, 0xff, 0xff, 0xff])],
    ['an unknown type', Buffer.from([0x21, 0, 0, 0, 4])],
    ['HTTP', Buffer.from('GET / HTTP/1.1\r\n\r\n')],
  ])('ends with FATAL 08P01 on %s', (_name, bytes) =>
    withRaw(async (client) => {
      await client.exchange([bytes]);
      expect(client.errors()).toMatchObject([{ severity: 'FATAL', sqlState: '08P01' }]);
      expect(client.ended).toBe(true);
      expect(log.list().at(-1)?.code).toBe('protocol_violation');
    }),
  );

  it('answers a client that half-closes after its query, and reads messages in any cut', () =>
    withRaw(async (client) => {
      await client.until(() => client.ready === 1);
      for (const byte of wire.query('SHOW VERSION')) client.socket.write(Buffer.from([byte]));
      client.socket.end();
      await client.until(() => false);
      expect(client.count('D')).toBe(1);
      expect(client.ready).toBe(2);
    }));

  it('survives random bytes', async () => {
    for (let round = 0; round < 40; round++) {
      await withRaw(async (client) => {
        await client.until(() => client.ready === 1);
        const body = Buffer.from(Array.from({ length: round * 3 }, () => Math.floor(Math.random() * 256)));
        client.socket.write(wire.frame('QPBDECHSFd'.charCodeAt(round % 10), body));
        client.socket.end(wire.syncMessage);
        await client.until(() => false);
      });
    }
    expect((await withPg((client) => client.query('SHOW VERSION'))).rowCount).toBe(1);
  });

  it('stops answering a client that does not read, and goes on when it does', { timeout: 60_000 }, () =>
    withRaw(async (client) => {
      await client.until(() => client.ready === 1);
      const rows = Array.from({ length: 1500 }, (_each, index) => sessionRow(index + 1, 'ep-a'));
      let answered = 0;
      host.sessions = () => (answered++ < 60 ? rows : []);
      client.socket.pause();
      client.socket.write(Buffer.concat(Array.from({ length: 200 }, () => wire.query('SHOW CLIENTS'))));
      const [socket] = sockets;
      await expect.poll(() => socket?.writableLength ?? 0, { timeout: 20_000 }).toBeGreaterThan(4 * 1024 * 1024);
      // What the kernel's buffers take besides differs; all of it would be more than twenty megabytes.
      expect(answered).toBeLessThan(40);
      expect(socket?.writableLength).toBeLessThan(8 * 1024 * 1024);
      client.socket.resume();
      await client.until(() => client.ready === 201);
      expect(client.count('C')).toBe(200);
    }),
  );
});

describe('console with psql', () => {
  const psql = '/usr/bin/psql';
  // psql is not part of the project's own installation; the drivers above cover the protocol where it is missing.
  it.skipIf(!existsSync(psql))('answers -c, scripts and \\gexec (skipped where psql is missing)', async () => {
    const run = async (args: string[], script = '') => {
      const running = promisify(execFile)(
        psql,
        ['-X', '-At', '-v', 'ON_ERROR_STOP=1', `host=127.0.0.1 port=${port} user=me dbname=switchyard`, ...args],
        { timeout: 8000 },
      );
      running.child.stdin?.end(script);
      return (await running).stdout.trim();
    };
    expect(await run(['-c', 'SHOW VERSION'])).toBe('Switchyard 0.1.0');
    expect(await run(['-c', 'MIGRATE ENDPOINT ep-a TO ep-b WITHIN 3;', '-c', 'SHOW VERSION;'])).toBe(
      '1|success||1.235|127.0.0.1:1|127.0.0.1:2\n2|success||1.235|127.0.0.1:1|127.0.0.1:2\nSwitchyard 0.1.0',
    );
    expect((await run(['-c', 'SHOW ENDPOINTS'])).split('\n')).toHaveLength(3);
    expect(await run([], "SELECT 'SHOW VERSION' \\gexec\n\\set id 1\nMIGRATE CLIENT :id TO ep-b;\n")).toBe(
      'Switchyard 0.1.0\n1|success||1.235|127.0.0.1:1|127.0.0.1:2',
    );
    await expect(run(['-c', 'nonsense'])).rejects.toMatchObject({ stderr: expect.stringContaining('SHOW HELP') as unknown });
  });
});

describe('averageFigures', () => {
  it('divides counts by seconds and times by their counts', () => {
    const before = { ...figures };
    const after = { ...figures, queries: 23, queryUs: 2007, waitUs: 1008, received: 1004 };
    expect(averageFigures(before, after, 10)).toMatchObject({
      queries: 2,
      queryUs: 100,
      waitUs: 100,
      received: 100,
      transactions: 0,
      transactionUs: 0,
    });
    expect(averageFigures(after, before, 0)).toMatchObject({ queries: 0, queryUs: 0 });
  });
});
