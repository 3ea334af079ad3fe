import pg from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { viewNames } from '../../core/console/views.ts';
import { CallError, type PinRow, type SessionRow } from '../../core/contract/index.ts';
import { pool, sessionRow, startConsole, type ConsoleRig, type FakeHost } from '../support/console-rig.ts';

let rig: ConsoleRig;
let host: FakeHost;
let client: pg.Client;
let clients: pg.Client[] = [];

const at = Date.UTC(2026, 0, 2, 3, 4, 5);

async function connect(user = 'me', database = 'switchyard'): Promise<pg.Client> {
  const made = new pg.Client({ host: '127.0.0.1', port: rig.port, user, database });
  clients.push(made);
  await made.connect();
  return made;
}

beforeEach(async () => {
  rig = await startConsole();
  ({ host } = rig);
  client = await connect();
});

afterEach(async () => {
  await Promise.all(clients.map((each) => each.end()));
  clients = [];
  await rig.stop();
  expect(rig.log.list().filter(({ code }) => code === 'internal')).toEqual([]);
});

const textOf = (value: string | number | null | undefined): string | null => (value == null ? null : String(value));

const columnsOf = async (view: string): Promise<string> => (await client.query(`SHOW ${view}`)).fields.map(({ name }) => name).join(' ');

describe('views', () => {
  // From PgBouncer 1.25 (admin.c, stats.c), in its order; what follows is ours.
  it.each([
    [
      'SERVERS',
      'type user database replication state addr port local_addr local_port connect_time request_time wait wait_us close_needed ptr link remote_pid tls application_name prepared_statements id',
    ],
    [
      'SOCKETS',
      'type user database replication state addr port local_addr local_port connect_time request_time wait wait_us close_needed ptr link remote_pid tls application_name prepared_statements id recv_pos pkt_pos pkt_remain send_pos send_remain pkt_avail send_avail',
    ],
    [
      'DATABASES',
      'name host port database force_user pool_size min_pool_size reserve_pool_size server_lifetime pool_mode load_balance_hosts max_connections current_connections max_client_connections current_client_connections paused disabled',
    ],
    [
      'USERS',
      'name pool_size reserve_pool_size pool_mode max_user_connections current_connections max_user_client_connections current_client_connections',
    ],
    ['LISTS', 'list items'],
    ['CONFIG', 'key value default changeable'],
    ['STATE', 'key value'],
    ['VERSION', 'version'],
    [
      'FDS',
      'fd task user database addr port cancel link client_encoding std_strings datestyle timezone password scram_client_key scram_server_key',
    ],
    ['MEM', 'name size used free memtotal'],
    ['DNS_HOSTS', 'hostname ttl addrs'],
    ['DNS_ZONES', 'zonename serial count'],
    ['PEERS', 'peer_id host port pool_size'],
    ['PEER_POOLS', 'peer_id cl_active_cancel_req cl_waiting_cancel_req sv_active_cancel sv_login'],
    [
      'STATS_TOTALS',
      'database server_assignment_count xact_count query_count bytes_received bytes_sent xact_time query_time wait_time client_parse_count server_parse_count bind_count client_login_count',
    ],
    [
      'STATS_AVERAGES',
      'database server_assignment_count xact_count query_count bytes_received bytes_sent xact_time query_time wait_time avg_client_parse_count avg_server_parse_count avg_bind_count avg_client_login_count',
    ],
    ['TOTALS', 'name value'],
  ])('SHOW %s begins with the columns of PgBouncer', async (view, columns) => {
    expect((await columnsOf(view)).slice(0, columns.length)).toBe(columns);
  });

  it.each(viewNames)('SHOW %s announces counts as int8, and sends them as that in both formats', async (view) => {
    const text = await client.query(`SHOW ${view}`);
    const numbers = text.fields.filter(({ dataTypeID }) => dataTypeID === 20).map(({ name }) => name);
    expect(text.fields.filter(({ dataTypeID }) => dataTypeID !== 20 && dataTypeID !== 25)).toEqual([]);
    for (const row of text.rows as Record<string, unknown>[])
      for (const name of numbers) if (row[name] !== null) expect(row[name], name).toMatch(/^-?\d+$/);
    const binary = await client.query({ text: `SHOW ${view}`, values: [], binary: true } as pg.QueryConfig);
    if (view !== 'MEM')
      expect(binary.rows.map((row) => numbers.map((name) => textOf((row as Record<string, string | number | null>)[name])))).toEqual(
        text.rows.map((row) => numbers.map((name) => (row as Record<string, unknown>)[name])),
      );
  });

  it('names the databases so that pools, clients and statistics can be joined, and monitoring can tell pools apart', async () => {
    host.pools = () => [pool, { ...pool, key: 'x', backend: '127.0.0.1:2' }, { ...pool, key: 'y', database: 'shop' }];
    const { rows } = await client.query<{ database: string; server_database: string }>('SHOW POOLS');
    expect(rows.map(({ database, server_database }) => [database, server_database])).toEqual([
      ['ep-a', 'postgres'],
      ['ep-b', 'postgres'],
      ['ep-a/shop', 'shop'],
    ]);
    expect((await client.query('SHOW CLIENTS')).rows[2]).toMatchObject({ database: 'ep-b', server_database: 'postgres' });
  });

  it('counts the clients of a pool, and what it does with its server connections', async () => {
    host.rows = [
      { ...sessionRow(1, 'ep-a'), state: 'idle' },
      { ...sessionRow(2, 'ep-a'), state: 'waiting', serverPid: null },
    ];
    host.pools = () => [{ ...pool, active: 1, waiting: 1, checking: 1, resetting: 2, cancelling: 4, failure: 'no such database' }];
    expect((await client.query('SHOW POOLS')).rows).toMatchObject([
      { cl_active: '1', cl_waiting: '1', sv_active: '1', sv_being_canceled: '4', sv_tested: '3', failure: 'no such database' },
    ]);
    expect((await client.query('SHOW ACTIVE_SOCKETS')).rows).toMatchObject([{ type: 'S' }]);
    expect((await client.query('SHOW SOCKETS')).rows.map(({ state }: { state: string }) => state)).toEqual(['idle', 'waiting', 'active']);
  });

  it('shows the settings by the names of PgBouncer, and never a verifier', async () => {
    host.current = {
      ...host.current,
      pooling: { ...host.current.pooling, mode: 'transaction', size: 7 },
      authentication: { ...host.current.authentication, users: [{ name: 'carol', verifier: 'SCRAM-SHA-256$secret' }] },
    };
    const { rows } = await client.query<{ key: string; value: string; default: string; changeable: string }>('SHOW CONFIG');
    const line = (name: string) => rows.find(({ key }) => key === name);
    expect(line('pool_mode')).toEqual({ key: 'pool_mode', value: 'transaction', default: 'session', changeable: 'yes' });
    expect(line('default_pool_size')).toMatchObject({ value: '7', default: '200' });
    expect(line('listen_port')).toMatchObject({ value: '6432', changeable: 'no' });
    expect(line('auth_type')).toMatchObject({ value: 'trust', changeable: 'no' });
    expect(rows.map(({ key }) => key)).toEqual(rows.map(({ key }) => key).toSorted());
    for (const view of ['CONFIG', 'USERS', 'FDS'])
      expect(JSON.stringify((await client.query(`SHOW ${view}`)).rows)).not.toContain('secret');
    expect((await client.query('SHOW USERS')).rows.map(({ name }: { name: string }) => name)).toEqual(['carol', 'me']);
  });

  it('says whether everything is paused', async () => {
    const state = async () =>
      Object.fromEntries((await client.query<{ key: string; value: string }>('SHOW STATE')).rows.map(({ key, value }) => [key, value]));
    expect(await state()).toMatchObject({ active: 'yes', paused: 'no', suspended: 'no' });
    host.paused = new Set(['ep-a', 'ep-b', 'Other']);
    expect(await state()).toMatchObject({ active: 'no', paused: 'yes' });
    expect((await client.query('SHOW DATABASES')).rows).toMatchObject([{ paused: '1' }, { paused: '1' }, { paused: '1' }]);
  });

  it('tells what a client has set, beside its server connection', async () => {
    expect((await client.query('SHOW STATE 1')).rows).toEqual([{ key: 'DateStyle', client: 'ISO, MDY', server: 'German' }]);
    expect((await client.query('SHOW STATE $1', [1])).rows).toHaveLength(1);
    await expect(client.query('SHOW STATE 99')).rejects.toMatchObject({ code: '42704' });
  });

  it('adds up the totals of all databases', async () => {
    const { rows } = await client.query<{ name: string; value: string }>('SHOW TOTALS');
    const one = rows.find(({ name }) => name === 'total_query_count');
    const [line] = host.stats();
    if (line !== undefined) host.stats = () => [line, { ...line, database: 'b' }];
    const two = (await client.query<{ name: string; value: string }>('SHOW TOTALS')).rows;
    expect([one?.value, two.find(({ name }) => name === 'total_query_count')?.value]).toEqual(['3', '6']);
    // The average time of a query is that of all queries, not the sum of two averages.
    expect(two.find(({ name }) => name === 'avg_query_time')?.value).toBe('7');
  });

  it('shows why clients are pinned, and what happened', async () => {
    const pin: PinRow = { code: 'listen', reason: 'LISTEN news', since: at, statement: 'LISTEN news', endsWhen: 'UNLISTEN' };
    host.rows = [{ ...sessionRow(1, 'ep-a'), pins: [pin] }];
    expect((await client.query('SHOW PINS')).rows).toEqual([
      {
        client: '1',
        application_name: 'app ü 1',
        user: 'me',
        endpoint: 'ep-a',
        server_pid: '4001',
        code: 'listen',
        reason: 'LISTEN news',
        since: '2026-01-02 03:04:05 UTC',
        statement: 'LISTEN news',
        ends_when: 'UNLISTEN',
      },
    ]);
    expect((await client.query('SHOW EVENTS')).rows).toMatchObject([{ level: 'warn', code: 'backend_down', repeats: '2' }]);
  });
});

describe('SHOW WAITS', () => {
  const holder = (id: number, state: SessionRow['state'], since: number): SessionRow => ({
    ...sessionRow(id, 'ep-a'),
    state,
    stateSince: since,
  });
  const waiter = (id: number, since: number): SessionRow => ({ ...holder(id, 'waiting', since), serverPid: null });

  it('names, for each who waits, who holds the server connections of its pool, the idle ones first', async () => {
    host.rows = [
      holder(1, 'active', at),
      holder(2, 'idle in transaction', at + 1000),
      holder(3, 'idle in transaction', at),
      { ...holder(4, 'idle in transaction', at), pool: 'another' },
      waiter(6, at + 2000),
      waiter(5, at + 1000),
    ];
    host.pools = () => [{ ...pool, active: 3, waiting: 2 }];
    const { rows } = await client.query<Record<string, string>>('SHOW WAITS');
    expect(rows.map((row) => [row['client'], row['position'], row['holders'], row['holder'], row['holder_state']])).toEqual([
      ['5', '1', '3', '3', 'idle in transaction'],
      ['5', '1', '3', '2', 'idle in transaction'],
      ['5', '1', '3', '1', 'active'],
      ['6', '2', '3', '3', 'idle in transaction'],
      ['6', '2', '3', '2', 'idle in transaction'],
      ['6', '2', '3', '1', 'active'],
    ]);
    expect(rows[0]).toMatchObject({ why: 'all server connections are in use', holder_since: '2026-01-02 03:04:05 UTC' });
  });

  it('says so when nobody holds what is waited for', async () => {
    host.rows = [waiter(1, at)];
    host.pools = () => [{ ...pool, connecting: 1, waiting: 0 }];
    expect((await client.query('SHOW WAITS')).rows).toMatchObject([
      { client: '1', holder: null, why: 'a server connection is being opened' },
    ]);
    host.paused.add('ep-a');
    expect((await client.query('SHOW WAITS')).rows).toMatchObject([{ client: '1', why: 'the endpoint is paused' }]);
  });
});

describe('commands', () => {
  it.each([
    ['PAUSE ep-a', ['pool.pause ep-a 30000']],
    ['pause "ep-a" within 1.5', ['pool.pause ep-a 1500']],
    ['PAUSE WITHIN 2', ['pool.pause ep-a 2000', 'pool.pause ep-b 2000', 'pool.pause Other 2000']],
    ['RESUME', ['pool.resume ep-a', 'pool.resume ep-b', 'pool.resume Other']],
    ['RESUME other', ['pool.resume Other']],
    ['RECONNECT ep-b;', ['pool.reconnect ep-b']],
    ['KILL ep-b', ['pool.kill ep-b']],
    ['KILL_CLIENT 2', ['session.close 2']],
    ['CANCEL_CLIENT 2', ['session.cancel 2']],
    ['ROLLBACK_CLIENT 2', ['session.rollback 2']],
    ['RELOAD', ['reload']],
    ['SHUTDOWN', ['shutdown nothing']],
    ['SHUTDOWN WAIT_FOR_SERVERS', ['shutdown servers']],
    ['shutdown wait_for_clients', ['shutdown clients']],
    ['WAIT_CLOSE', []],
  ])('%s', async (sql, done) => {
    const simple = await client.query(sql);
    expect(host.done).toEqual(done);
    // node-postgres reads a tag's letters only.
    expect(simple.command).toBe(sql.split(/[ ;_]/)[0]?.toUpperCase());
    await client.query({ name: 'again', text: sql, values: [] });
    expect(host.done).toEqual([...done, ...done]);
  });

  it('takes bound values', async () => {
    await client.query('PAUSE $1 WITHIN $2', ['ep-b', 3]);
    await client.query('KILL_CLIENT $1', [3]);
    await client.query('SET default_pool_size = $1', [9]);
    expect(host.done).toEqual(['pool.pause ep-b 3000', 'session.close 3', 'settings.save']);
    expect(host.current.pooling.size).toBe(9);
  });

  it.each([
    ['PAUSE nowhere', '42704'],
    ['PAUSE ep-a ep-b', '42601'],
    ['RESUME ep-a WITHIN 3', '42601'],
    ['KILL_CLIENT', '42601'],
    ['KILL_CLIENT 99', '42704'],
    ["KILL_CLIENT 'ep-a'", '42704'],
    ['SHUTDOWN NOW', '42601'],
    ['SUSPEND', '0A000'],
    ['SET default_pool_size = 0', '22023'],
    ['SET default_pool_size = many', '22023'],
    ['SET pool_mode = statement', '22023'],
    ['SET default_pool_size 5', '42601'],
    ['SET default_pool_size =', '42601'],
    ['SET auth_type = trust', '55P02'],
    ['SET listen_port = 1', '55P02'],
    ['SET', '42601'],
  ])('answers %s with %s, and does nothing', async (sql, code) => {
    await expect(client.query(sql)).rejects.toMatchObject({ code });
    expect(host.done).toEqual([]);
  });

  it('DISABLE and ENABLE, for one endpoint and for all', async () => {
    await client.query('DISABLE ep-b');
    expect([...host.disabled]).toEqual(['ep-b']);
    expect((await client.query('SHOW DATABASES')).rows).toMatchObject([{ disabled: '0' }, { disabled: '1' }, { disabled: '0' }]);
    await client.query('DISABLE');
    await client.query('ENABLE ep-a');
    expect([...host.disabled].toSorted()).toEqual(['Other', 'ep-b']);
    expect(host.done).toEqual([]);
    await client.query('ENABLE');
    expect([...host.disabled]).toEqual([]);
    // Whoever has the window refuse all clients lets them in again here, too.
    expect(host.done).toEqual(['clients.admit true']);
  });

  it.each([
    ['SET pool_mode = transaction', () => host.current.pooling.mode, 'transaction'],
    ["SET pool_mode='TRANSACTION'", () => host.current.pooling.mode, 'transaction'],
    ['set min_pool_size to 3', () => host.current.pooling.min, 3],
    ['SET reserve_pool_size=4', () => host.current.pooling.reserve, 4],
    ['SET query_wait_timeout =5', () => host.current.pooling.wait, 5],
    ['SET max_client_conn= 6', () => host.current.limits.clients, 6],
    ['SET metrics_port = 9127', () => host.current.metrics.port, 9127],
    ["SET metrics_port = ''", () => host.current.metrics.port, null],
    ["SET admin_users = 'ann, bob'", () => host.current.authentication.admins, ['ann', 'bob']],
  ])('%s changes the setting, and no other', async (sql, value, wanted) => {
    const users = [{ name: 'carol', verifier: 'md5x' }];
    host.current = { ...host.current, authentication: { ...host.current.authentication, users } };
    const before = JSON.stringify(host.current);
    expect((await client.query(sql)).command).toBe('SET');
    expect(value()).toEqual(wanted);
    expect(host.current.authentication.users).toEqual(users);
    const differences = Object.keys(host.current).filter(
      (group) =>
        JSON.stringify(host.current[group as 'pooling']) !==
        JSON.stringify((JSON.parse(before) as typeof host.current)[group as 'pooling']),
    );
    expect(differences.length).toBeLessThanOrEqual(1);
  });

  it('leaves alone what drivers set', async () => {
    for (const sql of [
      "SET application_name = 'x'",
      'SET extra_float_digits = 3',
      "SET TIME ZONE 'UTC'",
      'SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY',
    ])
      expect((await client.query(sql)).command).toBe('SET');
    expect(host.done).toEqual([]);
  });

  it('passes on what a handler refuses', async () => {
    host.answer = () => Promise.reject(new CallError('not_in_transaction', 'there is no transaction', 'see SHOW CLIENTS'));
    await expect(client.query('ROLLBACK_CLIENT 1')).rejects.toMatchObject({
      code: '55000',
      message: 'there is no transaction',
      hint: 'see SHOW CLIENTS',
    });
  });

  it('resumes what it paused when one endpoint cannot be, and leaves the others paused that were', async () => {
    host.paused.add('Other');
    host.answer = (name) => {
      if (name !== 'pool.pause' || host.done.at(-1) !== 'pool.pause ep-b 30000') return Promise.resolve({});
      return Promise.reject(new CallError('pause_timeout', 'session 2 still has a server connection'));
    };
    await expect(client.query('PAUSE')).rejects.toMatchObject({ code: '55000', message: /session 2/ });
    expect(host.done.slice(3).toSorted()).toEqual(['pool.resume ep-a', 'pool.resume ep-b']);
  });

  it('gives up a pause that is cancelled', async () => {
    host.answer = (name) => (name === 'pool.pause' ? new Promise(() => undefined) : Promise.resolve({}));
    const outcome = client.query('PAUSE ep-a').then(
      () => null,
      (error: unknown) => error,
    );
    await expect.poll(() => host.done, { timeout: 9_000 }).toEqual(['pool.pause ep-a 30000']);
    rig.consoles[0]?.cancel();
    expect(await outcome).toMatchObject({ code: '57014' });
    await expect.poll(() => host.done, { timeout: 9_000 }).toEqual(['pool.pause ep-a 30000', 'pool.resume ep-a']);
  });

  it('WAIT_CLOSE ends when the last old server connection of the endpoint is gone, and can be cancelled', async () => {
    const [server] = host.servers();
    if (server === undefined) throw new Error('the rig has no server connection');
    let old = true;
    host.servers = () => [{ ...server, closeNeeded: old }];
    await client.query('WAIT_CLOSE ep-b');
    const outcome = client.query('WAIT_CLOSE ep-a').then(
      () => null,
      (error: unknown) => error,
    );
    const other = await connect();
    expect((await other.query('SHOW SERVERS')).rows).toMatchObject([{ close_needed: '1' }]);
    rig.consoles[0]?.cancel();
    expect(await outcome).toMatchObject({ code: '57014' });
    const again = client.query('WAIT_CLOSE');
    await other.query('SHOW SERVERS');
    old = false;
    expect((await again).command).toBe('WAIT');
  });
});

describe('who may command', () => {
  const commands = [
    'PAUSE ep-a',
    'KILL_CLIENT 1',
    'MIGRATE CLIENT 1 TO ep-b',
    'SET pool_mode = session',
    'RELOAD',
    'SHUTDOWN',
    'SUSPEND',
    'DISABLE ep-a',
  ];
  const withAdmins = (method: 'trust' | 'scram-sha-256', admins: string[]): void => {
    host.current = { ...host.current, authentication: { ...host.current.authentication, method, admins } };
  };

  it('those of admin_users, if there are any; everybody may look', async () => {
    withAdmins('scram-sha-256', ['ann']);
    for (const sql of commands) await expect(client.query(sql), sql).rejects.toMatchObject({ code: '42501' });
    expect([host.done, host.asked, host.disabled.size]).toEqual([[], [], 0]);
    await client.query('SHOW CLIENTS');
    await client.query('SHOW STATE 1');
    const ann = await connect('ann');
    await ann.query('KILL_CLIENT 1');
    expect(host.done).toEqual(['session.close 1']);
  });

  it('everybody without admin_users, and with trust', async () => {
    withAdmins('scram-sha-256', []);
    await client.query('KILL_CLIENT 1');
    withAdmins('trust', ['ann']);
    await client.query('KILL_CLIENT 2');
    expect(host.done).toEqual(['session.close 1', 'session.close 2']);
  });
});
