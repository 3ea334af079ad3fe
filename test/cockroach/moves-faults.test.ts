/**
 * What goes wrong in a move (cockroach-migration.md 2 and 8.3 of the references): the old pod, the new pod or the client, in every phase.
 * Before the old pod has been asked, and once it has answered, nothing costs the session; in between only the loss of the old pod, and an
 * answer that is none.
 */
import { describe, expect, it } from 'vitest';
import { noticeResponse } from '../../core/wire/errors.ts';
import type { Fault, Phase } from '../fakes/cockroach-dialect/faults.ts';
import { BY_TOKEN } from '../fakes/cockroach-dialect/login.ts';
import { move, type MoveRow } from '../support/migration.ts';
import { bind, cstring, execute, message, parse, rows, sync, type WireClient } from '../support/wire-client.ts';
import { startCockroachYard, type CockroachYard } from './support/cockroach-yard.ts';

/** Far longer than any answer takes, on a busy machine too. */
const patient = {
  preflightMs: 20_000,
  dialMs: 20_000,
  captureMs: 20_000,
  loginMs: 20_000,
  restoreMs: 20_000,
  verifyMs: 20_000,
  lateMs: 1_500,
};
/** For answers that do not come in time. */
const brief = { preflightMs: 1_200, dialMs: 1_200, captureMs: 700, lateMs: 1_500, loginMs: 700, restoreMs: 700, verifyMs: 700 };
/** Which of the two a fault needs; what `wrong` puts in the place of a ReadyForQuery is none. */
const deadlinesFor = ({ kind }: Fault): typeof patient => (kind === 'silence' || kind === 'delay' || kind === 'wrong' ? brief : patient);

const NAME = 'tried';

interface Tried {
  readonly made: CockroachYard;
  readonly client: WireClient;
  readonly id: number;
}

/** A session with a statement and a setting. */
async function start(deadlines: typeof patient = patient): Promise<Tried> {
  const made = await startCockroachYard({ options: { deadlines } });
  const { client } = await made.wire({ application_name: NAME });
  client.write(parse('kept', 'SELECT $1::text AS a'), sync);
  await client.until('Z');
  await client.query("SET search_path = 'mine'");
  return { made, client, id: (await made.session(NAME))?.id ?? 0 };
}

/** The session is as it was, and on this pod; it can move afterwards. */
async function livesOn({ made, client, id }: Tried, pod: number): Promise<void> {
  client.write(bind('', 'kept', ['x']), execute(''), sync);
  expect(rows(await client.until('Z'))).toEqual([['x']]);
  expect(rows(await client.query('SHOW search_path'))).toEqual([['mine']]);
  expect(rows(await client.query('SELECT pod_id()'))).toEqual([[String(pod)]]);
  for (const each of made.pods) each.faults.clear();
  const to = pod === 1 ? 2 : 1;
  // With deadlines as brief as some tests have them it may take more than one attempt.
  await expect.poll(async () => (await move(made.yard, id, `pod-${to}`)).outcome).toBe('success');
  client.write(bind('', 'kept', ['y']), execute(''), sync);
  expect(rows(await client.until('Z'))).toEqual([['y']]);
}

/** Exactly one outcome is counted, and nothing is under way. */
async function counted({ counters }: CockroachYard, { outcome }: MoveRow): Promise<void> {
  const { attempted, success, error_recoverable, error_fatal, refused, inFlight } = await counters();
  expect(attempted).toBe(success + error_recoverable + error_fatal);
  expect([attempted + refused, inFlight]).toEqual([1, 0]);
  expect({ success, error_recoverable, error_fatal, refused }[outcome]).toBe(1);
}

const newPhases: readonly Phase[] = ['startup', 'auth', 'restore-T', 'restore-D', 'restore-C', 'restore-Z'];
const bad: readonly Fault[] = [
  { kind: 'close' },
  { kind: 'reset' },
  { kind: 'silence' },
  { kind: 'error', sqlState: '28000', message: 'not today' },
  { kind: 'wrong' },
  { kind: 'delay', ms: 1_500 },
];

describe.each(newPhases)('the new pod at %s', (phase) => {
  it.each(bad)('$kind: the session lives on where it was', async (fault) => {
    const tried = await start(deadlinesFor(fault));
    const { yard, pod } = tried.made;
    pod(2).faults.set(phase, fault, phase === 'startup' || phase === 'auth' ? { text: BY_TOKEN } : {});
    const row = await move(yard, tried.id, 'pod-2');
    expect(pod(2).faults.strikes(phase)).toBeGreaterThan(0);
    expect(row.outcome).toMatch(/^(error_recoverable|refused)$/);
    expect(row.reason).toMatch(/\w/);
    await counted(tried.made, row);
    await livesOn(tried, 1);
  });

  it('in pieces, or late but in time: moved', async () => {
    for (const fault of [{ kind: 'bytewise' }, { kind: 'apart' }, { kind: 'delay', ms: 100 }] as const) {
      const tried = await start();
      tried.made.pod(2).faults.set(phase, fault);
      expect(await move(tried.made.yard, tried.id, 'pod-2')).toMatchObject({ outcome: 'success' });
      await livesOn(tried, 2);
    }
  });
});

describe.each(['accept', 'startup', 'auth'] as const)('the new pod at %s, whoever comes', (phase) => {
  it.each(bad)('$kind: the session lives on where it was, and was not held', async (fault) => {
    const tried = await start(deadlinesFor(fault));
    tried.made.pod(2).faults.set(phase, fault);
    const row = await move(tried.made.yard, tried.id, 'pod-2');
    expect(row.outcome).toMatch(/^(error_recoverable|refused)$/);
    await counted(tried.made, row);
    expect(tried.made.pod(1).heard.sql('TRANSFER STATE')).toEqual([]);
    await livesOn(tried, 1);
  });
});

const oldPhases: readonly Phase[] = ['show-T', 'show-D', 'show-C', 'show-Z'];

describe.each(oldPhases)('the old pod at %s', (phase) => {
  it('an error: refused in its words, and the session lives on (upstream closes it as ambiguous)', async () => {
    const tried = await start();
    tried.made.pod(1).faults.set(phase, { kind: 'error', message: 'not today' });
    const row = await move(tried.made.yard, tried.id, 'pod-2');
    expect([row.outcome, row.reason]).toEqual(['refused', expect.stringContaining('not today')]);
    await counted(tried.made, row);
    await livesOn(tried, 1);
  });

  it('late, but before it is given up: the session lives on (upstream closes it)', async () => {
    const tried = await start({ ...brief, lateMs: 20_000 });
    tried.made.pod(1).faults.set(phase, { kind: 'delay', ms: 1_000 });
    const row = await move(tried.made.yard, tried.id, 'pod-2');
    expect(row.outcome).toBe('error_recoverable');
    await counted(tried.made, row);
    await livesOn(tried, 1);
  });

  it.each([{ kind: 'close' }, { kind: 'reset' }, { kind: 'silence' }, { kind: 'wrong' }] as const)(
    '$kind: what the session was doing nobody can know; it is closed, its client told, and once',
    async (fault) => {
      const tried = await start(deadlinesFor(fault));
      tried.made.pod(1).faults.set(phase, fault);
      const row = await move(tried.made.yard, tried.id, 'pod-2');
      expect(row.outcome).toBe('error_fatal');
      await counted(tried.made, row);
      expect((await tried.client.next()).type).toBe('E');
      await tried.client.closed();
      await expect.poll(async () => (await tried.made.yard.sessions()).length).toBe(0);
    },
  );

  it('in pieces, or late but in time, or with a notice in front: moved', async () => {
    const notice = noticeResponse({ severity: 'NOTICE', sqlState: '00000', message: 'by the way' });
    for (const fault of [{ kind: 'bytewise' }, { kind: 'apart' }, { kind: 'delay', ms: 100 }, { kind: 'before', bytes: notice }] as const) {
      const tried = await start();
      tried.made.pod(1).faults.set(phase, fault, { times: 1 });
      expect(await move(tried.made.yard, tried.id, 'pod-2')).toMatchObject({ outcome: 'success' });
      if (fault.kind === 'before') expect((await tried.client.next()).type).toBe('N');
      await livesOn(tried, 2);
    }
  });
});

describe('the client', () => {
  it.each(['show-T', 'restore-T'] as const)('leaves at %s: both pods are free again, one outcome', async (phase) => {
    const tried = await start();
    const { made, client, id } = tried;
    const { faults } = made.pod(phase === 'show-T' ? 1 : 2);
    faults.set(phase, { kind: 'delay', ms: 300 });
    const struck = faults.struck(phase);
    const moving = move(made.yard, id, 'pod-2');
    await struck;
    client.destroy();
    await counted(made, await moving);
    await expect.poll(async () => (await made.yard.sessions()).length).toBe(0);
    await made.yard.stop();
    await expect.poll(() => made.pod(1).connections + made.pod(2).connections).toBe(0);
  });

  it('sends while it is held: it is answered by the new pod if it moved, by the old one if not', async () => {
    for (const [phase, fault, expected] of [
      ['restore-C', { kind: 'apart' }, '2'],
      ['restore-C', { kind: 'silence' }, '1'],
    ] as const) {
      const tried = await start(deadlinesFor(fault));
      const { faults } = tried.made.pod(2);
      faults.set(phase, fault);
      const struck = faults.struck(phase);
      const moving = move(tried.made.yard, tried.id, 'pod-2');
      await struck;
      const ask = message('Q', cstring('SELECT pod_id()'));
      tried.client.write(ask, ask, ask.subarray(0, 7));
      await moving;
      expect(rows(await tried.client.until('Z'))).toEqual([[expected]]);
      expect(rows(await tried.client.until('Z'))).toEqual([[expected]]);
      tried.client.write(ask.subarray(7));
      expect(rows(await tried.client.until('Z'))).toEqual([[expected]]);
    }
  });
});

it('the old pod dies while the new one restores: the session is rescued by the move, or its client is told', async () => {
  const tried = await start();
  const { made, client, id } = tried;
  made.pod(2).faults.set('restore-C', { kind: 'delay', ms: 300 });
  const struck = made.pod(2).faults.struck('restore-C');
  const moving = move(made.yard, id, 'pod-2');
  await struck;
  made.pod(1).cut();
  const row = await moving;
  await counted(made, row);
  expect(row.outcome).toBe('success');
  expect(rows(await client.query('SELECT pod_id()'))).toEqual([['2']]);
});

it('both pods fail in one move: the client is told, and one outcome is counted', async () => {
  const tried = await start(brief);
  const { made, client, id } = tried;
  made.pod(2).faults.set('restore-C', { kind: 'silence' });
  const struck = made.pod(2).faults.struck('restore-C');
  const moving = move(made.yard, id, 'pod-2');
  await struck;
  made.pod(1).cut();
  const row = await moving;
  expect(row.outcome).toBe('error_fatal');
  await counted(made, row);
  expect((await client.next()).type).toBe('E');
  await client.closed();
});
