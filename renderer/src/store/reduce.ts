import { LOG_KEPT } from '../../../core/contract/index.ts';
import type { Delta, EndpointRow, LogEntry, Sample, SessionRow, Snapshot } from '../../../core/contract/index.ts';
import type { ClosedSession, ServerState } from './server.ts';

/** Slots of the ring of samples: four minutes at one a second. */
export const SAMPLE_SLOTS = 240;
/** Lines of the event log that a window keeps. */
export const LOG_LINES = LOG_KEPT;
/** Operations and transfers that a window keeps, as the contract says. */
export const HISTORY = 1_000;
/** The longest a closed session is remembered, in milliseconds; the table shows it for less unless its order is held. */
export const CLOSED_KEPT_MS = 30_000;

/** The state after a snapshot: everything is replaced. `now` is this window's clock. */
export function applySnapshot(state: ServerState, snapshot: Snapshot, now: number): ServerState {
  return {
    ...state,
    feed: 'live',
    seq: snapshot.seq,
    receivedAt: now,
    clockSkew: now - snapshot.at,
    host: snapshot.host,
    endpoints: snapshot.endpoints,
    colors: colorsAfter(state.colors, snapshot.endpoints),
    sessions: byId(snapshot.sessions),
    closed: new Map(),
    pools: snapshot.pools,
    observations: snapshot.observations,
    operations: byId(snapshot.operations),
    transfers: byId(snapshot.transfers),
    counters: snapshot.counters,
    samples: snapshot.samples.slice(-SAMPLE_SLOTS),
    log: snapshot.log.slice(-LOG_LINES),
  };
}

/** How a delta relates to what is held: `next` can be applied, `old` is contained already, `gap` needs a snapshot. */
export function sequence(state: Pick<ServerState, 'seq'>, delta: Pick<Delta, 'seq'>): 'next' | 'old' | 'gap' {
  if (delta.seq <= state.seq) return 'old';
  return delta.seq === state.seq + 1 ? 'next' : 'gap';
}

/** The state after the next delta. Parts that the delta does not name keep their identity, so their readers do not wake. */
export function applyDelta(state: ServerState, delta: Delta, now: number): ServerState {
  return {
    ...state,
    feed: 'live',
    seq: delta.seq,
    receivedAt: now,
    host: delta.host ?? state.host,
    endpoints: delta.endpoints ?? state.endpoints,
    colors: colorsAfter(state.colors, delta.endpoints),
    pools: delta.pools ?? state.pools,
    observations: delta.observations ?? state.observations,
    counters: delta.counters ?? state.counters,
    ...sessionsAfter(state, delta.sessions, now),
    operations: withNewest(state.operations, delta.operations),
    transfers: withNewest(state.transfers, delta.transfers),
    samples: delta.sample ? ring(state.samples, delta.sample) : state.samples,
    log: logAfter(state.log, delta.log),
  };
}

/** What was seen stays: sessions may still be on a backend that no endpoint points at any more. */
function colorsAfter(held: ReadonlyMap<string, number>, endpoints: readonly EndpointRow[] | undefined): ReadonlyMap<string, number> {
  if (endpoints === undefined || endpoints.every(({ backend, color }) => held.get(backend) === color)) return held;
  return new Map([...held, ...endpoints.map(({ backend, color }): [string, number] => [backend, color])]);
}

function byId<T extends { id: number }>(rows: readonly T[]): Map<number, T> {
  return new Map(rows.map((row) => [row.id, row]));
}

function ring(samples: readonly Sample[], next: Sample): readonly Sample[] {
  return [...samples.slice(-(SAMPLE_SLOTS - 1)), next];
}

function withNewest<T extends { id: number }>(held: ReadonlyMap<number, T>, changed: readonly T[] | undefined): ReadonlyMap<number, T> {
  if (!changed || changed.length === 0) return held;
  const next = new Map(held);
  for (const row of changed) next.set(row.id, row);
  for (const id of next.keys()) {
    if (next.size <= HISTORY) break;
    next.delete(id);
  }
  return next;
}

/** A line that was said before takes the earlier one's place: it brings the count with it. */
function logAfter(held: readonly LogEntry[], said: readonly LogEntry[] | undefined): readonly LogEntry[] {
  if (!said || said.length === 0) return held;
  const next = [...held];
  for (const entry of said) {
    const before = entry.repeats > 1 ? next.findLastIndex((line) => sameWords(line, entry)) : -1;
    if (before >= 0) next.splice(before, 1);
    next.push(entry);
  }
  return next.slice(-LOG_LINES);
}

function sameWords(a: LogEntry, b: LogEntry): boolean {
  return a.message === b.message && a.code === b.code && a.level === b.level;
}

function sessionsAfter(state: ServerState, change: Delta['sessions'], now: number): Pick<ServerState, 'sessions' | 'closed'> {
  const closed = forget(state.closed, now);
  if (!change) return { sessions: state.sessions, closed };
  const sessions = new Map<number, SessionRow>(state.sessions);
  const gone = new Map<number, ClosedSession>(closed);
  for (const row of change.upsert) {
    sessions.set(row.id, row);
    gone.delete(row.id);
  }
  for (const id of change.remove) {
    const row = sessions.get(id);
    if (!row) continue;
    sessions.delete(id);
    gone.set(id, { row, closedAt: now });
  }
  return { sessions, closed: gone.size === 0 ? closed : gone };
}

function forget(closed: ReadonlyMap<number, ClosedSession>, now: number): ReadonlyMap<number, ClosedSession> {
  let kept: Map<number, ClosedSession> | null = null;
  for (const [id, { closedAt }] of closed) {
    if (now - closedAt < CLOSED_KEPT_MS) continue;
    kept ??= new Map(closed);
    kept.delete(id);
  }
  return kept ?? closed;
}
