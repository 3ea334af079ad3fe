import { describe, expect, it } from 'vitest';
import { CallError } from '../../core/contract/index.ts';
import type { ObservationRow, PinRow, PoolRow, SessionRow } from '../../core/contract/index.ts';
import type { HostCall } from '../../renderer/src/bridge/client.ts';
import { selectObservations, valuesOf } from '../../renderer/src/features/observations/select.ts';
import { lineKey, pinLines, pinRows } from '../../renderer/src/features/pins/group.ts';
import { kill, pause, resume, useControls } from '../../renderer/src/features/pooling/controls.ts';
import { pinTitle, poolingWords } from '../../renderer/src/features/pooling/words.ts';
import { barOf, openOf } from '../../renderer/src/features/pools/parts.ts';
import { act, useActions } from '../../renderer/src/features/waits/actions.ts';
import { queues } from '../../renderer/src/features/waits/arrange.ts';
import { waitRows } from '../../renderer/src/features/waits/rows.ts';
import { whyWaiting } from '../../renderer/src/features/waits/why.ts';
import { toCsv } from '../../renderer/src/lib/export.ts';
import { asSentence, formatRatio } from '../../renderer/src/lib/format.ts';
import { csvRecords } from '../support/csv.ts';
import { sessionRowOf } from '../support/session-row.ts';

const session = sessionRowOf(1, { application: 'psql', pool: 'p', poolMode: 'transaction', serverPid: null, statementKind: null });
const pool: PoolRow = {
  key: 'p',
  backend: '127.0.0.1:1',
  database: 'postgres',
  role: 'postgres',
  mode: 'transaction',
  size: 10,
  active: 4,
  idle: 0,
  resetting: 0,
  checking: 1,
  cancelling: 0,
  connecting: 2,
  waiting: 5,
  maxWaitMs: 10,
  opened: 7,
  reused: 3,
  assignments: 10,
  wait: { count: 0, p50: 0, p95: 0, p99: 0, max: 0 },
  failure: null,
};
const pin: PinRow = { code: 'listen', reason: 'it listens on yard', since: 5, statement: 'LISTEN yard', endsWhen: 'UNLISTEN *' };

describe('queues', () => {
  const holds = (id: number, state: SessionRow['state'], stateSince: number, name = 'p'): SessionRow => ({
    ...session,
    id,
    pool: name,
    state,
    stateSince,
    serverPid: id,
  });
  const waits = (id: number, stateSince: number, name = 'p'): SessionRow => ({ ...session, id, pool: name, state: 'waiting', stateSince });

  it('are none while nobody waits, whoever holds', () => {
    expect(queues([holds(1, 'idle in transaction', 0)])).toEqual([]);
  });

  it('put the longest idle in transaction first, then who keeps one idly, then who works', () => {
    const rows = [
      holds(1, 'active', 0),
      holds(2, 'idle', 1),
      holds(3, 'idle in transaction', 9),
      holds(4, 'idle in transaction (aborted)', 4),
      waits(5, 8),
      { ...session, id: 6 },
    ];
    expect(queues(rows)).toEqual([{ pool: 'p', waiters: [5], holders: [4, 3, 2, 1] }]);
  });

  it('serve first come first, stand apart by pool, and the longest wait stands first', () => {
    const rows = [waits(1, 30), waits(2, 20, 'q'), waits(3, 10), holds(4, 'active', 0, 'q'), waits(5, 10)];
    expect(queues(rows)).toEqual([
      { pool: 'p', waiters: [3, 5, 1], holders: [] },
      { pool: 'q', waiters: [2], holders: [4] },
    ]);
  });

  it('do not count a session that migrates with its server connection in hand', () => {
    expect(queues([holds(1, 'waiting', 0)])).toEqual([]);
  });
});

describe('pinLines', () => {
  it('groups by code, the most sessions first, the oldest pin first', () => {
    const lock = { ...pin, code: 'advisory_lock' };
    const rows = [
      { ...session, id: 1, pins: [pin, { ...lock, since: 9 }] },
      { ...session, id: 2, pins: [{ ...lock, since: 3 }] },
      { ...session, id: 3 },
    ];
    expect(pinLines(rows).map(lineKey)).toEqual(['advisory_lock', 'advisory_lock 2 0', 'advisory_lock 1 1', 'listen', 'listen 1 0']);
    expect(pinLines(rows)[0]).toEqual({ kind: 'code', code: 'advisory_lock', sessions: 2 });
  });

  it('names kinds it knows, and others by their code', () => {
    expect([pinTitle('temp_object'), pinTitle('odd_thing')]).toEqual(['Temporary objects', 'Odd thing']);
  });
});

describe('a pool', () => {
  it('has a bar as long as its size, or as what it holds and who waits', () => {
    expect(openOf(pool)).toBe(7);
    expect(barOf(pool)).toMatchObject({ whole: 12, label: '4 active, 0 idle, 1 checking, 2 connecting of at most 10; 5 waiting' });
    expect(barOf({ ...pool, waiting: 0 }).whole).toBe(10);
  });

  it('says how often a server connection was used', () => {
    expect([formatRatio(10, 4), formatRatio(9_000, 2), formatRatio(0, 0)]).toEqual(['2.5', '4.5k', '–']);
    expect([poolingWords('session', 'strict'), poolingWords('transaction', 'observe')]).toEqual(['session', 'transaction, observe']);
  });
});

describe('why a client waits', () => {
  const full: PoolRow = { ...pool, size: 2, active: 2, idle: 0, resetting: 0, checking: 0, connecting: 0, cancelling: 0, failure: null };
  const waiter: SessionRow = { ...session, id: 9, state: 'waiting', stateSince: 50_000 };
  const holder: SessionRow = { ...session, id: 3, application: 'web', serverPid: 1, state: 'idle in transaction', stateSince: 20_000 };
  const why = (scene: Partial<Parameters<typeof whyWaiting>[0]>): string =>
    whyWaiting({ waiter, pool: full, endpoint: undefined, holders: [holder], now: 60_000, ...scene });

  it('names who holds the server connections, and what it does with them', () => {
    expect(why({})).toBe('All 2 server connections are taken; session 3, web, has held one idle in a transaction for 40 s.');
    expect(why({ holders: [{ ...holder, application: '', state: 'active' }] })).toBe(
      'All 2 server connections are taken; session 3 has held one for 40 s, active.',
    );
    const pin = { code: 'listen', reason: 'it listens on "jobs"', since: 0, statement: null, endsWhen: 'UNLISTEN' };
    expect(why({ holders: [{ ...holder, state: 'idle', pins: [pin] }] })).toContain('because it is pinned: it listens on "jobs".');
    expect(why({ holders: [{ ...holder, state: 'idle', poolMode: 'session' }] })).toContain('keeps one until it leaves, in session mode.');
    expect(why({ pool: { ...full, size: 1, active: 1 }, holders: [] })).toBe('The only server connection is taken.');
  });

  it('says so where it is not that all are taken', () => {
    expect(why({ pool: { ...full, failure: 'password authentication failed.' } })).toBe(
      'Logins to the server fail: password authentication failed.',
    );
    expect(why({ pool: { ...full, connecting: 1 } })).toBe('1 server connection for it is being opened.');
    expect(why({ pool: { ...full, active: 1 } })).toMatch(/limit of its backend/);
    expect(why({ pool: undefined })).toMatch(/not known/);
  });

  it('is in the file of the waits, beside who holds', () => {
    const sessions = new Map([waiter, holder].map((row) => [row.id, row]));
    const rows = waitRows(
      [{ pool: 'p', waiters: [9], holders: [3, 77] }],
      { sessions, pools: [{ ...full, key: 'p' }], endpoints: [] },
      60_000,
    );
    expect(rows.map(({ session: id, role, place }) => [id, role, place])).toEqual([
      [9, 'waits', 1],
      [3, 'holds', 1],
    ]);
    expect(rows[0]?.why).toContain('session 3, web,');
  });

  it('leaves no pin out of the file of the pins', () => {
    const pin = { code: 'listen', reason: 'r', since: 0, statement: null, endsWhen: 'e' };
    expect(pinRows([{ ...session, pins: [pin, pin] }, session])).toMatchObject([{ session: 1, code: 'listen' }, { session: 1 }]);
  });
});

describe('observations', () => {
  const row: ObservationRow = {
    endpoint: 'ep-a',
    application: '=1+1',
    code: 'setting',
    message: 'lost, "all" of it',
    fix: null,
    statement: 'SET x\n= $1',
    count: 3,
    firstAt: 0,
    lastAt: 1_000,
  };

  it('are CSV that a spreadsheet reads and does not run', () => {
    expect(csvRecords(toCsv([{ ...row, firstAt: Date.UTC(2026, 0, 1) }]))).toEqual([
      {
        endpoint: 'ep-a',
        application: "'=1+1",
        code: 'setting',
        message: 'lost, "all" of it',
        fix: '',
        statement: 'SET x\n= $1',
        count: '3',
        firstAt: '2026-01-01T00:00:00.000Z',
        lastAt: '1000',
      },
    ]);
  });

  it('are filtered by endpoint and application, the most frequent first', () => {
    const all = [row, { ...row, application: 'web', count: 9 }, { ...row, endpoint: 'ep-b', count: 5 }];
    expect(selectObservations(all, { endpoint: '', application: '' }).map(({ count }) => count)).toEqual([9, 5, 3]);
    expect(selectObservations(all, { endpoint: 'ep-a', application: 'web' }).map(({ count }) => count)).toEqual([9]);
    expect(valuesOf(all, 'endpoint')).toEqual(['ep-a', 'ep-b']);
  });

  it('say in sentences what was made to stand inside one', () => {
    expect([asSentence('it holds a lock'), asSentence('Done.')]).toEqual(['It holds a lock.', 'Done.']);
  });
});

/** A host that answers when it is told to. */
function slowHost(): { call: HostCall; asked: string[]; settle: (name: string, error?: CallError) => void } {
  const asked: string[] = [];
  const open = new Map<string, { resolve: (reply: unknown) => void; reject: (error: CallError) => void }>();
  const call = ((name: string) => {
    asked.push(name);
    return new Promise<unknown>((resolve, reject) => open.set(name, { resolve, reject }));
    // The table's types cannot be had for a name that is not known.
  }) as unknown as HostCall;
  return { call, asked, settle: (name, error) => (error ? open.get(name)?.reject(error) : open.get(name)?.resolve({})) };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('what is done to an endpoint', () => {
  it('is under way, then done; a refusal is kept with its hint', async () => {
    const { call, settle } = slowHost();
    kill(call, 'ep-a');
    expect(useControls.getState().byEndpoint['ep-a']).toMatchObject({ work: 'kill', failure: null });
    settle('pool.kill');
    await turn();
    expect(useControls.getState().byEndpoint['ep-a']).toEqual({ work: null, done: 'kill', failure: null });
    pause(call, 'ep-a');
    settle('pool.pause', new CallError('pause_timeout', 'Session 3 holds one.', 'Roll it back.'));
    await turn();
    expect(useControls.getState().byEndpoint['ep-a']).toEqual({
      work: null,
      done: null,
      failure: { code: 'pause_timeout', message: 'Session 3 holds one.', hint: 'Roll it back.' },
    });
  });

  it('is what was asked last: a pause that was cancelled is no failure', async () => {
    const { call, settle } = slowHost();
    pause(call, 'ep-b');
    resume(call, 'ep-b');
    settle('pool.pause', new CallError('resumed', 'It was resumed.'));
    settle('pool.resume');
    await turn();
    expect(useControls.getState().byEndpoint['ep-b']).toEqual({ work: null, done: 'resume', failure: null });
  });
});

describe('what is done to a session', () => {
  it('is asked once while it is under way, and its outcome is kept in words', async () => {
    const { call, asked, settle } = slowHost();
    const first = act(call, 7, 'rollback');
    await act(call, 7, 'cancel');
    expect(asked).toEqual(['session.rollback']);
    settle('session.rollback', new CallError('busy', 'It runs a statement', 'Cancel it first.'));
    await first;
    expect(useActions.getState().bySession.get(7)).toEqual({
      work: 'rollback',
      state: 'refused',
      words: 'It runs a statement. Cancel it first.',
    });
    expect(useActions.getState().last?.sessionId).toBe(7);
  });
});
