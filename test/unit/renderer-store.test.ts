import { afterEach, describe, expect, it, vi } from 'vitest';
import type { CallResult, Delta, LogEntry, Snapshot } from '../../core/contract/index.ts';
import type { ConnectionState, Transport } from '../../renderer/src/bridge/transport.ts';
import { SILENCE_MS, startFeed } from '../../renderer/src/store/feed.ts';
import { CLOSED_KEPT_MS, HISTORY, LOG_LINES, SAMPLE_SLOTS, applyDelta, applySnapshot, sequence } from '../../renderer/src/store/reduce.ts';
import { nothingYet } from '../../renderer/src/store/server.ts';
import type { ServerState } from '../../renderer/src/store/server.ts';
import { World } from '../e2e/support/standin-world.ts';

const world = new World({ sessions: 3, transfers: 4 });
const first: Snapshot = world.snapshot();

function start(): ServerState {
  return applySnapshot(nothingYet, first, 1_000);
}

function nextDelta(state: ServerState, change: Partial<Delta>): Delta {
  return { seq: state.seq + 1, at: 0, ...change };
}

describe('applySnapshot', () => {
  it('replaces everything and is live', () => {
    const state = start();
    expect(state.feed).toBe('live');
    expect([...state.sessions.keys()]).toEqual([1, 2, 3]);
    expect(state.transfers.size).toBe(4);
    expect(state.receivedAt).toBe(1_000);
    expect(state.clockSkew).toBe(1_000 - first.at);
  });
});

describe('the event log', () => {
  const line = (id: number, repeats: number, message = 'A client was refused.'): LogEntry => ({
    id,
    at: id,
    level: 'warn',
    code: 'client_refused',
    message,
    sessionId: null,
    repeats,
  });

  it('lets a line that is said again take the place of the earlier one, with its count', () => {
    const before = { ...start(), log: [line(1, 1), line(2, 1, 'Another.')] };
    const after = applyDelta(before, nextDelta(before, { log: [line(3, 2), line(4, 3)] }), 0);
    expect(after.log.map(({ id, repeats }) => [id, repeats])).toEqual([
      [2, 1],
      [4, 3],
    ]);
  });

  it('keeps a line whose earlier one it never had, and a first one beside an equal one', () => {
    const before = { ...start(), log: [line(1, 1)] };
    const after = applyDelta(before, nextDelta(before, { log: [line(2, 1), line(3, 7, 'Unseen.')] }), 0);
    expect(after.log.map(({ id }) => id)).toEqual([1, 2, 3]);
  });
});

describe('sequence', () => {
  it.each([
    [8, 'old'],
    [10, 'old'],
    [11, 'next'],
    [12, 'gap'],
  ] as const)('finds %d after 10 to be %s', (seq, expected) => {
    expect(sequence({ seq: 10 }, { seq })).toBe(expected);
  });
});

describe('applyDelta', () => {
  it('keeps the identity of what the delta does not name', () => {
    const before = start();
    const after = applyDelta(before, nextDelta(before, {}), 1_250);
    for (const part of [
      'host',
      'endpoints',
      'sessions',
      'closed',
      'pools',
      'operations',
      'transfers',
      'counters',
      'samples',
      'log',
    ] as const) {
      expect(after[part], part).toBe(before[part]);
    }
    expect(after.seq).toBe(before.seq + 1);
  });

  it('keeps the rows of other sessions when one changes', () => {
    const before = start();
    const row = before.sessions.get(2);
    if (!row) throw new Error('session 2 is missing');
    const after = applyDelta(before, nextDelta(before, { sessions: { upsert: [{ ...row, queries: 9 }], remove: [] } }), 1_250);
    expect(after.sessions.get(2)?.queries).toBe(9);
    expect(after.sessions.get(1)).toBe(before.sessions.get(1));
  });

  it('remembers a closed session, and forgets it in the end', () => {
    const before = start();
    const closed = applyDelta(before, nextDelta(before, { sessions: { upsert: [], remove: [2, 99] } }), 2_000);
    expect(closed.sessions.has(2)).toBe(false);
    expect([...closed.closed.keys()]).toEqual([2]);
    const soon = applyDelta(closed, nextDelta(closed, {}), 2_000 + CLOSED_KEPT_MS - 1);
    expect(soon.closed.has(2)).toBe(true);
    const late = applyDelta(soon, nextDelta(soon, {}), 2_000 + CLOSED_KEPT_MS);
    expect(late.closed.has(2)).toBe(false);
  });

  it('bounds samples, log and history', () => {
    let state = start();
    const [sample] = first.samples;
    const [transfer] = first.transfers;
    const [line] = first.log;
    if (!sample || !transfer || !line) throw new Error('the snapshot is too small');
    for (let i = 0; i < SAMPLE_SLOTS + 5; i += 1) state = applyDelta(state, nextDelta(state, { sample: { ...sample, at: i } }), 0);
    expect(state.samples).toHaveLength(SAMPLE_SLOTS);
    expect(state.samples.at(-1)?.at).toBe(SAMPLE_SLOTS + 4);
    const log = Array.from({ length: LOG_LINES + 3 }, (_, i) => ({ ...line, id: i + 1 }));
    expect(
      applyDelta(state, nextDelta(state, { log }), 0)
        .log.map(({ id }) => id)
        .slice(0, 1),
    ).toEqual([4]);
    const transfers = Array.from({ length: HISTORY }, (_, i) => ({ ...transfer, id: i + 100 }));
    const full = applyDelta(state, nextDelta(state, { transfers }), 0);
    expect(full.transfers.size).toBe(HISTORY);
    expect(full.transfers.has(1), 'the oldest').toBe(false);
  });
});

/** A transport that is played by the test. */
class PlayedTransport implements Transport {
  calls: string[] = [];
  answers: ((result: CallResult) => void)[] = [];
  send: (delta: Delta) => void = () => undefined;
  state: (state: ConnectionState) => void = () => undefined;
  stopped = false;

  call(name: string): Promise<CallResult> {
    this.calls.push(name);
    return new Promise((settle) => this.answers.push(settle));
  }

  subscribe(onDelta: (delta: Delta) => void, onState: (state: ConnectionState) => void): () => void {
    this.send = onDelta;
    this.state = onState;
    return () => {
      this.stopped = true;
    };
  }

  /** Answers the oldest call, and lets the feed take it. */
  async answer(result: CallResult): Promise<void> {
    this.answers.shift()?.(result);
    await vi.advanceTimersByTimeAsync(0);
  }
}

function played() {
  vi.useFakeTimers();
  const transport = new PlayedTransport();
  let state = nothingYet;
  const target = { getState: () => state, setState: (next: Partial<ServerState>) => void (state = { ...state, ...next }) };
  const stop = startFeed(transport, target);
  return { transport, stop, now: () => state };
}

const good: CallResult = { ok: true, reply: first };

afterEach(() => {
  vi.useRealTimers();
});

describe('startFeed', () => {
  it('asks for a snapshot when connected, then applies deltas in order', async () => {
    const { transport, stop, now } = played();
    transport.state('open');
    expect(transport.calls).toEqual(['snapshot']);
    await transport.answer(good);
    expect(now().feed).toBe('live');
    transport.send({ seq: first.seq + 1, at: 0, sessions: { upsert: [], remove: [1] } });
    expect(now().sessions.has(1)).toBe(false);
    stop();
    expect(transport.stopped).toBe(true);
  });

  it('keeps deltas that overtake the snapshot, and ignores those it contains', async () => {
    const { transport, stop, now } = played();
    transport.state('open');
    transport.send({ seq: first.seq, at: 0, sessions: { upsert: [], remove: [1, 2, 3] } });
    transport.send({ seq: first.seq + 1, at: 0, sessions: { upsert: [], remove: [3] } });
    await transport.answer(good);
    expect([...now().sessions.keys()]).toEqual([1, 2]);
    stop();
  });

  it('asks again on a gap, once', async () => {
    const { transport, stop, now } = played();
    transport.state('open');
    await transport.answer(good);
    transport.send({ seq: first.seq + 2, at: 0 });
    transport.send({ seq: first.seq + 3, at: 0 });
    expect(transport.calls).toHaveLength(2);
    await transport.answer({ ok: true, reply: { ...first, seq: first.seq + 2 } });
    expect(now().seq).toBe(first.seq + 3);
    stop();
  });

  it('keeps the rows when the connection is lost, and drops an answer that comes too late', async () => {
    const { transport, stop, now } = played();
    transport.state('open');
    await transport.answer(good);
    transport.send({ seq: first.seq + 5, at: 0 });
    transport.state('closed');
    expect(now().feed).toBe('lost');
    expect(now().sessions.size).toBe(3);
    await transport.answer({ ok: true, reply: { ...first, sessions: [] } });
    expect(now().sessions.size).toBe(3);
    transport.state('open');
    await transport.answer(good);
    expect(now().feed).toBe('live');
    stop();
  });

  it('finds silence out, and recovers with the next delta', async () => {
    const { transport, stop, now } = played();
    transport.state('open');
    await transport.answer(good);
    await vi.advanceTimersByTimeAsync(SILENCE_MS + 1_100);
    expect(now().feed).toBe('lost');
    transport.send({ seq: first.seq + 1, at: 0 });
    expect(now().feed).toBe('live');
    stop();
  });

  it('retries a snapshot that failed or does not fit', async () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => undefined);
    const { transport, stop, now } = played();
    transport.state('open');
    await transport.answer({ ok: false, error: { code: 'internal', message: 'no', hint: null } });
    await vi.advanceTimersByTimeAsync(1_000);
    await transport.answer({ ok: true, reply: { seq: 'one' } });
    expect(warn).toHaveBeenCalledOnce();
    await vi.advanceTimersByTimeAsync(1_000);
    await transport.answer(good);
    expect(now().feed).toBe('live');
    stop();
    expect(vi.getTimerCount()).toBe(0);
    warn.mockRestore();
  });
});
