/**
 * Moves that a client cannot tell from no move, whatever their mode: one whose every query needs the unnamed statement in two cycles
 * (Go's lib/pq), and a script that is compared with what the server says directly.
 */
import { afterEach, describe, expect, test } from 'vitest';
import type { TransferMode } from '../../core/contract/index.ts';
import { useCluster } from '../support/cluster.ts';
import { sessionId, transfer } from '../support/migration.ts';
import {
  bind,
  closeStatement,
  cstring,
  describeStatement,
  execute,
  message,
  parse,
  rows,
  sync,
  WireClient,
  type WireMessage,
} from '../support/wire-client.ts';
import { useYard } from '../support/yard.ts';

const a = useCluster({ name: 'a' });
const b = useCluster({ name: 'b' });
const yard = useYard(() => ({ endpoints: { 'ep-a': a().url(), 'ep-b': b().url() } }));

const MODES: readonly TransferMode[] = ['optimistic', 'two-phase', 'preconnect'];
const query = (sql: string): Buffer => message('Q', cstring(sql));

const open: WireClient[] = [];
afterEach(() => {
  for (const client of open.splice(0)) client.destroy();
});

async function connect(port: number, name: string): Promise<WireClient> {
  const { client } = await WireClient.start(port, { application_name: name });
  open.push(client);
  return client;
}

describe('a client that prepares in one cycle and binds in the next', () => {
  test.each<{ moves: number; mode: TransferMode | null }>([
    { moves: 100, mode: null },
    { moves: 34, mode: 'two-phase' },
    { moves: 34, mode: 'preconnect' },
  ])('is moved $moves times (mode $mode) between the two, and gets every answer', async ({ moves, mode }) => {
    const client = await connect(yard().port, `two cycles ${mode}`);
    const id = await sessionId(yard(), `two cycles ${mode}`);
    const modes = new Set<string>();
    for (let n = 0; n < moves; n++) {
      client.write(parse('', `select $1::int + ${n}`), describeStatement(''), sync);
      await client.until('Z');
      const row = await transfer(yard(), id, n % 2 === 0 ? 'ep-b' : 'ep-a', mode === null ? {} : { mode });
      expect(row).toMatchObject({ outcome: 'success' });
      modes.add(row.mode ?? '');
      client.write(bind('', '', ['1000']), execute(''), sync);
      expect(rows(await client.until('Z'))).toEqual([[String(1000 + n)]]);
    }
    expect([...modes]).toEqual([mode ?? 'optimistic']);
  });

  test('is moved 100 times while it goes on without a pause, and gets every answer', async () => {
    const client = await connect(yard().port, 'two cycles, busy');
    const id = await sessionId(yard(), 'two cycles, busy');
    let running = true;
    const loop = (async () => {
      let n = 0;
      for (; running; n++) {
        client.write(parse('', `select $1::int + ${n}`), describeStatement(''), sync);
        await client.until('Z');
        client.write(bind('', '', ['1000']), execute(''), sync);
        const answer = rows(await client.until('Z'));
        if (answer[0]?.[0] !== String(1000 + n)) throw new Error(`question ${n} was answered ${JSON.stringify(answer)}`);
      }
      return n;
    })();
    loop.catch(() => {});
    const outcomes: string[] = [];
    for (let n = 0; n < 100; n++) {
      const row = await transfer(yard(), id, n % 2 === 0 ? 'ep-b' : 'ep-a', { withinMs: 30_000 });
      outcomes.push(row.reason ?? row.outcome ?? '?');
    }
    running = false;
    expect(await loop).toBeGreaterThan(100);
    expect(outcomes).toEqual(outcomes.map(() => 'success'));
  }, 120_000);
});

/** One line: what is sent at once, and how many ReadyForQuery it brings. */
const SCRIPT: readonly { readonly frames: readonly Buffer[]; readonly ready?: number }[] = [
  { frames: [query(`set datestyle = 'SQL, DMY'; set extra_float_digits = 0; set app.who = 'me'`)] },
  { frames: [query(`select '2020-02-01'::date, 0.1::float8 + 0.2::float8, current_setting('app.who')`)] },
  { frames: [parse('named', 'select $1::int, $1::text || $2'), describeStatement('named'), sync] },
  { frames: [bind('', 'named', ['7', 'x']), execute(''), sync] },
  { frames: [query('prepare other(int) as select $1 + 1; prepare third as select 3')] },
  { frames: [query('execute other(41)'), query('execute third')], ready: 2 },
  { frames: [parse('', 'select $1::text'), sync] },
  { frames: [bind('', '', ['unnamed']), execute(''), sync] },
  { frames: [bind('', '', ['and again']), execute(''), sync] },
  { frames: [query('select 1 / 0')] },
  { frames: [bind('', '', ['gone']), execute(''), sync] },
  { frames: [closeStatement('named'), sync] },
  { frames: [bind('', 'named', ['7', 'x']), execute(''), sync] },
  { frames: [query('begin'), query('set local work_mem = 99999'), query('commit')], ready: 3 },
  { frames: [query('show work_mem')] },
  { frames: [query(`set role pg_monitor; set time zone interval '-02:30' hour to minute`)] },
  { frames: [query(`select current_user, session_user, current_setting('TimeZone'), '2020-01-01 00:00:00+00'::timestamptz`)] },
  { frames: [query('reset role; reset all')] },
  { frames: [query(`select current_user, current_setting('DateStyle'), current_setting('app.who', true), current_setting('TimeZone')`)] },
  { frames: [query('listen here; notify here, $$to myself$$')] },
  { frames: [query('select * from pg_listening_channels()')] },
  { frames: [query(`copy (select generate_series(1, 5)) to stdout`)] },
  { frames: [query('deallocate other'), query('execute other(1)'), query('execute third')], ready: 3 },
  { frames: [query('discard all')] },
  { frames: [query('select name from pg_prepared_statements'), query('select * from pg_listening_channels()')], ready: 2 },
];

/** Everything that a client sees; of notifications the sender is its own process, which is another for every session. */
async function play(client: WireClient, before: (line: number) => Promise<void>): Promise<string[]> {
  const seen: string[] = [];
  for (const [line, { frames, ready = 1 }] of SCRIPT.entries()) {
    await before(line);
    client.write(...frames);
    for (let n = 0; n < ready; n++) seen.push(...(await client.until('Z')).map((each) => `${line}: ${inWords(each)}`));
  }
  return seen;
}

function inWords({ type, body }: WireMessage): string {
  return `${type} ${(type === 'A' ? body.subarray(4) : body).toString('latin1')}`;
}

describe('a script', () => {
  test.each(MODES)('is answered as directly although its session is moved before each line (%s)', async (mode) => {
    const direct = await play(await connect(a().port, `script ${mode}`), () => Promise.resolve());
    const client = await connect(yard().port, `script ${mode}`);
    const id = await sessionId(yard(), `script ${mode}`);
    const moved = await play(client, async (line) => {
      const row = await transfer(yard(), id, line % 2 === 0 ? 'ep-b' : 'ep-a', { mode });
      expect(row.reason).toBeNull();
    });
    expect(moved).toEqual(direct);
  });
});
