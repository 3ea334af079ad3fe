/** A connection that was brought to a state cannot be told from one on which that state was set. */
import { describe, expect, it } from 'vitest';
import { carriedFrom, cleanState, type CarriedState } from '../../core/state/carried.ts';
import { applyChange, changeCost } from '../../core/state/change.ts';
import { pinsIn } from '../../core/state/pins.ts';
import type { SessionStateCapture } from '../../core/state/state.ts';
import { parse, syncMessage } from '../../core/wire/messages.ts';
import { useCluster, type Major } from '../support/cluster.ts';
import { connectServer, lookNow, probe, runPrepared, runSql, send } from '../support/state.ts';
import type { ServerConnection } from '../../core/backend/server-connection.ts';

const customNames = ['app.user', 'app.tenant', 'x.y.z', 'boot.value'];
const startup = { options: '-c work_mem=5MB -c boot.value=booted -c DateStyle=German', application_name: 'at start' };
const replayMs = 30_000;

/** mulberry32 */
function generator(seed: number): (below: number) => number {
  let a = seed;
  return (below) => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

/** What a session may do; each is a simple query, or a protocol statement to prepare. */
type Deed = { sql: string } | { name: string; text: string; types?: number[] };

const deeds: readonly Deed[] = [
  { sql: `set search_path = "we ird", "q""uote", public` },
  { sql: `set search_path = ''` },
  { sql: `set search_path to 'a, b', c` },
  { sql: `set DateStyle = 'SQL, DMY'` },
  { sql: `set datestyle = 'ISO'` },
  { sql: `set IntervalStyle = iso_8601` },
  { sql: `set time zone interval '+02:30' hour to minute` },
  { sql: `set TimeZone = 'America/New_York'` },
  { sql: `set statement_timeout = '70s'` },
  { sql: `set lock_timeout = 0` },
  { sql: `set lock_timeout = '1min'` },
  { sql: `set client_min_messages = debug1` },
  { sql: `set jit = off` },
  { sql: `set idle_in_transaction_session_timeout = '1h'` },
  { sql: `set work_mem = '4321kB'` },
  { sql: `set work_mem to default` },
  { sql: `set temp_buffers = '3MB'` },
  { sql: `set application_name = 'it''s \\ a "name"'` },
  { sql: `set client_encoding = LATIN1` },
  { sql: `set client_encoding = SQL_ASCII` },
  { sql: `set names 'UTF8'` },
  { sql: `set standard_conforming_strings = off; set escape_string_warning = off` },
  { sql: `set standard_conforming_strings = on` },
  { sql: `set backslash_quote = on` },
  { sql: `set bytea_output = escape` },
  { sql: `set extra_float_digits = -3` },
  { sql: `set random_page_cost = 1.2345` },
  { sql: `set default_transaction_isolation = 'repeatable read'` },
  { sql: `set session characteristics as transaction read only, deferrable` },
  { sql: `set default_text_search_config = 'english'` },
  { sql: `set temp_tablespaces = ''` },
  { sql: `set log_statement = 'mod'` },
  { sql: `set session_replication_role = replica` },
  { sql: `set dynamic_library_path = '/somewhere:$libdir'` },
  { sql: `set debug_print_plan = on` },
  { sql: `set lc_monetary = 'C'` },
  { sql: `set xmloption = document` },
  { sql: `set row_security = off` },
  { sql: `select set_config('app.user', 'O''Hara \\ {"a",b} NULL', false)` },
  { sql: `set app.user = ''` },
  { sql: `begin; set local app.tenant = '17'; commit` },
  { sql: `set x.y.z = 'deep'` },
  { sql: `set boot.value = 'changed'` },
  { sql: `select set_config('app.tenant', convert_from('\\xc3a4c3b6e282ac', 'UTF8'), false)` },
  { sql: `select set_config('application_name', repeat('n', 63), false)` },
  { sql: `begin; set work_mem = '9MB'; savepoint a; set TimeZone = 'Asia/Tokyo'; rollback to a; commit` },
  { sql: `begin; set work_mem = '99MB'; rollback` },
  { sql: `reset search_path` },
  { sql: `reset work_mem` },
  { sql: `reset all` },
  { sql: `reset app.user` },
  { sql: `set role "od""d role"` },
  { sql: `set role none` },
  { sql: `reset role` },
  { sql: `prepare sql1 as select 1` },
  { sql: `prepare "sql ""2" (int, text) as select $1 + 1, $2, '01/02/2024'::date` },
  { sql: `prepare sql3 as select to_char('03/04/2024'::date, 'YYYY-MM-DD')` },
  { sql: `deallocate all` },
  { sql: `discard all` },
  { name: 'proto1', text: `select length('a\\tb')` },
  {
    name: 'proto2',
    text: `select to_char('01/02/2024'::date, 'YYYY-MM-DD'), '2024-06-01 12:00'::timestamptz at time zone 'UTC' = '2024-06-01 12:00'`,
  },
  { name: 'proto4', text: `select $1 + 1`, types: [23] },
  { name: 'pröto3', text: `select 'ä'::text, $1` },
  { name: 'utility', text: 'show work_mem' },
];

async function act(server: ServerConnection, deed: Deed): Promise<void> {
  if ('sql' in deed) {
    await runSql(server, deed.sql, true);
    return;
  }
  // The name and the text are UTF-8; under another client_encoding they would be others.
  const isPlain = /^[ -~]*$/.test(deed.name + deed.text) || server.parameters.get('client_encoding') === 'UTF8';
  if (isPlain) await send(server, Buffer.concat([parse(deed.name, deed.text, deed.types), syncMessage]), true);
}

function choose(random: (below: number) => number): Deed[] {
  return Array.from({ length: random(9) }, () => deeds[random(deeds.length)]).filter((deed) => deed !== undefined);
}

describe.each<Major>([15, 16, 18])('PostgreSQL %i', (major) => {
  const cluster = useCluster({ major });

  async function connect(): Promise<ServerConnection> {
    return await connectServer(cluster().url(), { startup });
  }

  /** Does the deeds one by one, looking in between as a lease does. */
  async function live(server: ServerConnection, list: readonly Deed[], baseline: SessionStateCapture): Promise<CarriedState> {
    let state = cleanState;
    for (const deed of list) {
      await act(server, deed);
      const capture = await lookNow(server, customNames, true);
      expect(pinsIn(capture, baseline)).toEqual([]);
      state = carriedFrom(capture, baseline, { previous: state });
    }
    return state;
  }

  it('random states: applied is as good as set', async () => {
    const admin = await connectServer(cluster().url());
    await runSql(
      admin,
      `do $$ begin if not exists (select from pg_roles where rolname = 'od"d role') then create role "od""d role"; end if; end $$`,
    );
    const first = Number(process.env.STATE_SEED ?? Date.now() % 1_000_000);
    const cases = Number(process.env.STATE_CASES ?? 24);
    const untouched = await connect();
    const baseline = await lookNow(untouched, customNames);
    const nothing = await probe(untouched, customNames);
    let carried = 0;
    let ran = 0;
    for (let seed = first; seed < first + cases; seed++) {
      const random = generator(seed);
      const [before, after] = [choose(random), choose(random)];
      // What the counts below rely on is not left to chance.
      if (seed % 4 === 0) before.splice(0, before.length, { sql: `set work_mem = '6MB'; set DateStyle = 'SQL, MDY'` });
      if (seed % 4 === 0) after.push({ name: 'last', text: `select to_char('01/02/2024'::date, 'YYYY-MM-DD')` });
      const where = `STATE_SEED=${seed}: from ${JSON.stringify(before)} to ${JSON.stringify(after)}`;
      try {
        const [direct, changed] = [await connect(), await connect()];
        const to = await live(direct, after, baseline);
        let from = await live(changed, before, baseline);
        let target = changed;
        if (changeCost(from, to, 'strict') === null) {
          // It has custom settings that cannot be removed: then a new connection.
          [target, from] = [await connect(), cleanState];
        } else if (from.tag !== '') {
          carried++;
        }
        await applyChange(target, from, to, replayMs);
        const again = carriedFrom(await lookNow(target, customNames, true), baseline, { previous: to });
        expect(again.tag, where).toBe(to.tag);
        expect(await probe(target, customNames), where).toEqual(await probe(direct, customNames));
        for (const { name, parameterTypes } of to.statements) {
          if (parameterTypes.length === 0) {
            expect(await runPrepared(target, name), `${where}, ${name}`).toEqual(await runPrepared(direct, name));
            ran++;
          }
        }
        if (random(2) === 0) {
          await runSql(direct, 'reset all');
          await runSql(target, 'reset all');
          expect(await probe(target, customNames), `${where}, RESET ALL`).toEqual(await probe(direct, customNames));
        } else if (to.custom.size === 0) {
          await applyChange(target, to, cleanState, replayMs);
          expect(await probe(target, customNames), `${where}, and back`).toEqual(nothing);
        }
        await runSql(direct, 'discard all');
        await runSql(target, 'discard all');
        expect(await probe(target, customNames), `${where}, DISCARD ALL`).toEqual(await probe(direct, customNames));
        for (const server of [direct, changed, target]) server.end();
      } catch (error) {
        throw new Error(where, { cause: error });
      }
    }
    expect(carried).toBeGreaterThan(0);
    expect(ran).toBeGreaterThan(0);
  }, 180_000);
});
