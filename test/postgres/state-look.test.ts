/** What a look at a session finds, what it leaves behind, and what it makes of it: carried or pinned. */
import { describe, expect, it, vi } from 'vitest';
import type { ServerConnection } from '../../core/backend/server-connection.ts';
import { lookAtStartup } from '../../core/state/baseline.ts';
import { carriedFrom, cleanState, placeholdersOf, stateOf } from '../../core/state/carried.ts';
import { applyChange, changeCost, ChangeFailure } from '../../core/state/change.ts';
import { look } from '../../core/state/look.ts';
import { parseKeyOf } from '../../core/state/parse-settings.ts';
import { pinsIn } from '../../core/state/pins.ts';
import { bind, execute, parse, syncMessage } from '../../core/wire/messages.ts';
import { useCluster, type Major } from '../support/cluster.ts';
import { connectServer, lookNow, prepare, probe, runPrepared, runSql, send, sqlStateOf } from '../support/state.ts';

const replayMs = 30_000;

describe.each<Major>([15, 16, 18])('PostgreSQL %i', (major) => {
  const cluster = useCluster({ major });
  const connect = (user = 'postgres', database = 'postgres'): Promise<ServerConnection> =>
    connectServer(cluster().url(), { user, database });

  async function createRole(name: string, options = ''): Promise<void> {
    const admin = await connect();
    await runSql(
      admin,
      `do $$ begin if not exists (select from pg_roles where rolname = '${name}') then create role ${name} login ${options}; end if; end $$`,
    );
    admin.end();
  }

  async function pinCodes(server: ServerConnection): Promise<string[]> {
    return pinsIn(await lookNow(server), await lookNow(await connect())).map(({ code }) => code);
  }

  it('finds nothing on a new connection, and leaves the unnamed statement alone', async () => {
    const server = await connect();
    await send(server, Buffer.concat([parse('', `select 'mine'`), syncMessage]));
    const first = await lookNow(server, ['app.user']);
    const second = await lookNow(server, ['app.user']);
    expect(second).toEqual(first);
    expect(carriedFrom(second, first)).toEqual(cleanState);
    expect(pinsIn(second, first)).toEqual([]);
    expect(await runPrepared(server, '')).toEqual([['mine']]);
  });

  it('is prepared again when the client has thrown it away, or not shown to it at all', async () => {
    const server = await connect();
    const visible = 'select count(*) from pg_prepared_statements';
    const first = await lookNow(server);
    expect(await runSql(server, visible)).toEqual([['2']]);
    for (const sql of ['deallocate all', 'discard all']) {
      await runSql(server, sql);
      expect(await lookNow(server)).toEqual(first);
      expect(await runSql(server, visible)).toEqual([['2']]);
    }
    expect(await lookNow(server, [], true)).toEqual(first);
    expect(await runSql(server, visible)).toEqual([['0']]);
    expect(await lookNow(server, [], true)).toEqual(first);
    expect(await runSql(server, visible)).toEqual([['0']]);
  });

  it('is not stopped by what the session has set', async () => {
    const server = await connect();
    const baseline = await lookNow(await connect());
    await runSql(
      server,
      `create schema if not exists hostile; create or replace view hostile.pg_depend as select 1 as no;
      create or replace function hostile.json_agg(text) returns text language sql as 'select 1/0; select $1';
      set search_path = hostile, pg_catalog; set jit_above_cost = 0; set client_min_messages = debug5; set client_encoding = LATIN1;
      set plan_cache_mode = force_custom_plan; set quote_all_identifiers = on; set default_transaction_isolation = serializable;
      set session characteristics as transaction read only; set statement_timeout = '1ms'; set bytea_output = escape`,
    );
    // On a busy machine a millisecond may be too short for anything, even for lifting it.
    const patiently = <T>(ask: () => Promise<T>): Promise<T> => vi.waitFor(ask, { timeout: 30_000, interval: 20 });
    const state = carriedFrom(await patiently(() => lookNow(server)), baseline);
    expect(state.settings.get('statement_timeout')).toMatch(/^1(ms)?$/);
    expect(state.settings.get('search_path')).toBe('hostile, pg_catalog');
    const fresh = await connect();
    await applyChange(fresh, cleanState, state, replayMs);
    expect(await patiently(() => runSql(fresh, 'show statement_timeout'))).toEqual([['1ms']]);
  });

  it('a look that is too late is cancelled, and the session goes on', async () => {
    const [server, other] = [await connect(), await connect()];
    await lookNow(server);
    await runSql(other, 'begin; lock table pg_catalog.pg_depend in access exclusive mode');
    await runSql(server, 'set lock_timeout = 0');
    const run = look(server, [], 300, () => {});
    await expect(run.state).rejects.toThrow('no answer within 300 ms');
    await run.quiet;
    await runSql(other, 'rollback');
    expect(await runSql(server, 'select 1')).toEqual([['1']]);
    expect((await lookNow(server)).settings.get('lock_timeout')).toMatchObject({ value: '0', source: 'session' });
  });

  it.each([
    ['temp_object', 'create temp table basket (id int)', 'drop table basket'],
    ['temp_object', 'create function pg_temp.f() returns int language sql as $$ select 1 $$', 'discard temp'],
    ['held_cursor', 'declare c cursor with hold for select 1', 'close c'],
    ['advisory_lock', 'select pg_advisory_lock(4711)', 'select pg_advisory_unlock_all()'],
    ['advisory_lock', 'select pg_advisory_lock_shared(1, 2)', 'select pg_advisory_unlock_shared(1, 2)'],
    ['listen', 'listen news', 'unlisten *'],
    ['session_user', 'set session authorization plain', 'reset session authorization'],
    ['idle_session_timeout', `set idle_session_timeout = '1h'`, 'reset idle_session_timeout'],
    ['statement_text', `do $$ begin execute 'prepare long as select 1 /*' || repeat('x', 300000) || '*/'; end $$`, 'deallocate long'],
  ])('pins: %s by %s', async (code, sql, end) => {
    await createRole('plain');
    const server = await connect();
    await runSql(server, sql);
    expect(await pinCodes(server)).toEqual([code]);
    await runSql(server, end);
    expect(await pinCodes(server)).toEqual([]);
  });

  it('pins what another role had the right to set, until it is reset', async () => {
    await createRole('chief', 'superuser');
    await createRole('member', 'in role chief');
    const server = await connect('member');
    const codes = async (): Promise<string[]> =>
      pinsIn(await lookNow(server), await lookNow(await connect('member'))).map(({ code, reason }) => `${code}: ${reason}`);
    await runSql(server, `set role chief; set log_statement = 'all'`);
    expect(await codes()).toEqual(['foreign_setting: log_statement was set with the rights of another role']);
    await runSql(server, 'reset log_statement');
    expect(await codes()).toEqual([]);
    await runSql(server, 'reset role');
    expect(await codes()).toEqual([]);
  });

  it('carries what only the login may set past its role, and what the role hides', async () => {
    await createRole('plain');
    const server = await connect();
    const baseline = await lookNow(await connect());
    await runSql(server, `set log_statement = 'all'; set dynamic_library_path = '/a'`);
    const before = carriedFrom(await lookNow(server), baseline);
    await runSql(server, 'set role plain');
    const state = carriedFrom(await lookNow(server), baseline, { previous: before });
    const fresh = await connect();
    await applyChange(fresh, cleanState, state, replayMs);
    expect(await runSql(fresh, 'select current_user')).toEqual([['plain']]);
    expect(await sqlStateOf(fresh, 'show dynamic_library_path')).toBe('42501');
    await runSql(fresh, 'reset role');
    expect(await runSql(fresh, 'show log_statement; show dynamic_library_path')).toEqual([['all'], ['/a']]);
    await applyChange(fresh, before, cleanState, replayMs);
    expect(await probe(fresh, [])).toEqual(await probe(await connect(), []));
  });

  it('goes back to the role and the custom settings that the login starts with', async () => {
    await createRole('plain');
    await createRole('dressed', 'in role plain');
    await runSql(await connect(), `alter role dressed set role = 'plain'; alter role dressed set app.kind = 'given'`);
    const names = ['app.kind'];
    const server = await connect('dressed');
    const baseline = await lookAtStartup(await connect('dressed'), [], replayMs);
    expect(baseline.custom.get('app.kind')).toBe('given');
    expect(carriedFrom(await lookNow(server, names), baseline)).toEqual(cleanState);
    await runSql(server, `set role none; set app.kind = 'mine'`);
    const state = carriedFrom(await lookNow(server, names), baseline);
    expect([state.role, state.custom.get('app.kind')]).toEqual(['none', 'mine']);
    const fresh = await connect('dressed');
    await applyChange(fresh, cleanState, state, replayMs);
    expect(await probe(fresh, names)).toEqual(await probe(server, names));
    await applyChange(fresh, state, cleanState, replayMs);
    expect(await probe(fresh, names)).toEqual(await probe(await connect('dressed'), names));
  });

  it('says which part the server refused', async () => {
    const refusal = async (parts: Parameters<typeof stateOf>[0]): Promise<string> => {
      const server = await connect();
      const error: unknown = await applyChange(server, cleanState, stateOf(parts), replayMs).catch((e: unknown) => e);
      expect(error).toBeInstanceOf(ChangeFailure);
      return (error as ChangeFailure).message;
    };
    const statement = (name: string, text: string, fromSql = false) => ({
      name,
      text,
      fromSql,
      parameterTypes: [],
      parseSettings: new Map(),
    });
    const settings = new Map([
      ['work_mem', '7168'],
      ['DateStyle', 'Martian'],
    ]);
    expect(await refusal({ settings })).toMatch(/^the server did not take over setting DateStyle: .*"Martian" \(22023\)$/);
    expect(await refusal({ role: 'no such role' })).toMatch(/^the server did not take over setting role: .*\(22023\)$/);
    expect(await refusal({ isNative: true, statements: [statement('a', 'select 1'), statement('b', 'select nothing')] })).toMatch(
      /^the server did not take over prepared statement "b": .*\(42703\)$/,
    );
    expect(
      await refusal({
        isNative: true,
        statements: [statement('c', 'prepare c as select 1'), statement('d', 'prepare d as select x', true)],
      }),
    ).toMatch(/^the server did not take over prepared statement "c": .*|"d".*/);
  });

  it('custom settings cannot be removed: strict takes another connection, compatible empties them', async () => {
    const names = ['app.owner'];
    const server = await connect();
    const baseline = await lookNow(await connect(), names);
    await runSql(server, `set App.Owner = 'x'`);
    const state = carriedFrom(await lookNow(server, ['App.Owner', 'app.owner']), baseline);
    expect([...state.custom]).toEqual([['app.owner', 'x']]);
    expect(changeCost(state, cleanState, 'strict')).toBeNull();
    expect(changeCost(state, cleanState, 'compatible')).toBeGreaterThan(0);
    await applyChange(server, state, cleanState, replayMs);
    expect(await runSql(server, `select current_setting('app.owner', true)`)).toEqual([['']]);
    await runSql(server, 'discard all');
    const left = placeholdersOf(state, ['app.other'], baseline);
    expect([...left.leftovers]).toEqual(['app.owner', 'app.other']);
    expect(changeCost(left, cleanState, 'strict')).toBeNull();
    const emptied = stateOf({
      custom: new Map([
        ['app.owner', ''],
        ['app.other', ''],
      ]),
    });
    expect(changeCost(left, emptied, 'strict')).toBeGreaterThan(0);
    await applyChange(server, left, emptied, replayMs);
    expect(await runSql(server, `select current_setting('app.owner', true), current_setting('app.other', true)`)).toEqual([['', '']]);
  });

  it('prepares statements under the settings they were parsed with', async () => {
    const server = await connect();
    const baseline = await lookNow(await connect());
    await runSql(server, `set DateStyle = 'ISO, DMY'; set standard_conforming_strings = off; set escape_string_warning = off`);
    await prepare(server, 'date', `select to_char('01/02/2024'::date, 'MM-DD'), length('a\\tb')`);
    await runSql(server, `prepare "sql" as select to_char('01/02/2024'::date, 'MM-DD'), length('a\\tb')`);
    const before = carriedFrom(await lookNow(server, [], true), baseline);
    await runSql(server, `set DateStyle = 'ISO, MDY'; reset standard_conforming_strings`);
    const between = carriedFrom(await lookNow(server, [], true), baseline, { previous: before });
    await prepare(server, 'later', `select to_char('01/02/2024'::date, 'MM-DD'), length('a\\tb')`);
    const state = carriedFrom(await lookNow(server, [], true), baseline, { previous: between });
    expect(state.statements.map(({ parseSettings }) => parseSettings && parseKeyOf(parseSettings) === parseKeyOf(before.settings))).toEqual(
      [true, true, false],
    );
    const fresh = await connect();
    await applyChange(fresh, cleanState, state, replayMs);
    for (const at of [server, fresh]) {
      expect(await runPrepared(at, 'date')).toEqual([['02-01', '3']]);
      expect(await runSql(at, 'execute sql')).toEqual([['02-01', '3']]);
      expect(await runPrepared(at, 'later')).toEqual([['01-02', '4']]);
    }
    expect(await probe(fresh, [])).toEqual(await probe(server, []));
  });

  it('pins a statement whose settings were changed around it, if it has constants', async () => {
    const server = await connect();
    const baseline = await lookNow(await connect());
    await runSql(server, `set DateStyle = 'ISO, DMY'; prepare a as select '01/02/2024'::date; prepare b (int) as select $1 + 1`);
    const capture = await lookNow(server, [], true);
    const state = carriedFrom(capture, baseline, { previous: cleanState });
    expect(pinsIn(capture, baseline, state).map(({ code, endsWhen }) => [code, endsWhen])).toEqual([
      ['statement_settings', 'DEALLOCATE "a"'],
    ]);
    // It stays unknown, until the statement is gone.
    const again = await lookNow(server, [], true);
    expect(pinsIn(again, baseline, carriedFrom(again, baseline, { previous: state }))).toHaveLength(1);
    await runSql(server, `deallocate a; begin; set local DateStyle = 'ISO, MDY'; prepare c as select '01/02/2024'::date; commit`);
    const later = await lookNow(server, [], true);
    const options = { previous: carriedFrom(again, baseline, { previous: state }) };
    expect(pinsIn(later, baseline, carriedFrom(later, baseline, options))).toEqual([]);
    expect(pinsIn(later, baseline, carriedFrom(later, baseline, { ...options, settingsMoved: true }))).toHaveLength(1);
  });

  it('of a PREPARE among others only the PREPARE runs again', async () => {
    const server = await connect();
    const baseline = await lookNow(await connect());
    await runSql(
      server,
      `create table if not exists hits (n int); truncate hits; insert into hits values (1); prepare q (int) as select $1 + 1; insert into hits values (2)`,
    );
    const state = carriedFrom(await lookNow(server, [], true), baseline);
    const fresh = await connect();
    await applyChange(fresh, cleanState, state, replayMs);
    expect(await runSql(fresh, 'execute q(41); select count(*) from hits')).toEqual([['42'], ['2']]);
    expect(carriedFrom(await lookNow(fresh, [], true), baseline).tag).toBe(state.tag);
  });

  it('leaves no statement of the proxy where the client can see all, and none of the client elsewhere', async () => {
    const server = await connect();
    await lookNow(server);
    await prepare(server, '_swy_1', 'select 1');
    const native = stateOf({
      isNative: true,
      statements: [{ name: 'mine', text: 'select 2', fromSql: false, parameterTypes: [], parseSettings: new Map() }],
    });
    const names = 'select name from pg_prepared_statements order by name';
    await applyChange(server, cleanState, native, replayMs);
    expect(await runSql(server, names)).toEqual([['mine']]);
    await applyChange(server, native, cleanState, replayMs);
    expect(await runSql(server, names)).toEqual([]);
    // Nobody's unnamed statement is there either.
    const answer = await send(server, Buffer.concat([bind('', ''), execute(''), syncMessage]), true);
    expect(answer.some(({ body }) => body.includes('26000'))).toBe(true);
  });

  it.each([
    ['LATIN1', 'LATIN1', 'grüße'],
    ['SQL_ASCII', 'SQL_ASCII', 'gr\u00c3\u00bc\u00c3'],
    ['EUC_JP', 'UTF8', '漢字'],
  ])('carries texts in a database of %s', async (encoding, clientEncoding, word) => {
    const database = `in_${encoding.toLowerCase()}`;
    const admin = await connect();
    await runSql(admin, `drop database if exists ${database}`);
    await runSql(admin, `create database ${database} encoding '${encoding}' template template0 locale 'C'`);
    const bytes = Buffer.from(word, clientEncoding === 'UTF8' ? 'utf8' : 'latin1');
    const [server, fresh] = [await connect('postgres', database), await connect('postgres', database)];
    const baseline = await lookNow(fresh, ['app.word']);
    await runSql(server, `set client_encoding = '${clientEncoding}'`);
    const quoted = Buffer.concat([
      Buffer.from(`set app.word = '`),
      bytes,
      Buffer.from(`'; prepare p as select '`),
      bytes,
      Buffer.from(`'\0`),
    ]);
    const length = Buffer.alloc(4);
    length.writeInt32BE(quoted.length + 4);
    await send(server, Buffer.concat([Buffer.from('Q'), length, quoted]));
    const state = carriedFrom(await lookNow(server, ['app.word'], true), baseline);
    await applyChange(fresh, cleanState, state, replayMs);
    const raw = `select encode(convert_to(current_setting('app.word'), '${encoding}'), 'hex') where '${encoding}' <> 'SQL_ASCII'`;
    expect(await runSql(fresh, raw)).toEqual(await runSql(server, raw));
    for (const sql of ['execute p', 'show app.word', 'show client_encoding'])
      expect(await runSql(fresh, sql)).toEqual(await runSql(server, sql));
    expect(carriedFrom(await lookNow(fresh, ['app.word'], true), baseline).tag).toBe(state.tag);
  });
});
