import { create } from 'zustand';
import type {
  EndpointRow,
  HostInfo,
  LogEntry,
  MigrationCounters,
  ObservationRow,
  OperationRow,
  PoolRow,
  Sample,
  SessionRow,
  TransferRow,
} from '../../../core/contract/index.ts';

/**
 * `connecting`: nothing was received yet. `live`: the feed runs. `lost`: it does not, what is shown is old.
 * `denied`: this page holds no token.
 */
export type Feed = 'connecting' | 'live' | 'lost' | 'denied';

/** A session that is gone, kept for a moment so that an operator sees what vanished. */
export interface ClosedSession {
  row: SessionRow;
  /** When this window learnt of it, by its own clock. */
  closedAt: number;
}

/** What the host said last. Written only by the feed; rows are replaced, never changed in place. */
export interface ServerState {
  feed: Feed;
  /** Number of the last delta contained here. */
  seq: number;
  /** When the last frame arrived, by this window's clock; null before the first. */
  receivedAt: number | null;
  /** This window's clock minus the host's, in milliseconds. */
  clockSkew: number;
  host: HostInfo | null;
  endpoints: readonly EndpointRow[];
  /** By backend; also those that no endpoint points at any more, as sessions may still be there. */
  colors: ReadonlyMap<string, number>;
  sessions: ReadonlyMap<number, SessionRow>;
  closed: ReadonlyMap<number, ClosedSession>;
  pools: readonly PoolRow[];
  /** What profile `observe` has found. */
  observations: readonly ObservationRow[];
  operations: ReadonlyMap<number, OperationRow>;
  transfers: ReadonlyMap<number, TransferRow>;
  counters: MigrationCounters | null;
  /** Oldest first, at most `SAMPLE_SLOTS`. */
  samples: readonly Sample[];
  /** Oldest first, at most `LOG_LINES`. */
  log: readonly LogEntry[];
}

/** What is known before the first frame. */
export const nothingYet: ServerState = {
  feed: 'connecting',
  seq: 0,
  receivedAt: null,
  clockSkew: 0,
  host: null,
  endpoints: [],
  colors: new Map(),
  sessions: new Map(),
  closed: new Map(),
  pools: [],
  observations: [],
  operations: new Map(),
  transfers: new Map(),
  counters: null,
  samples: [],
  log: [],
};

/** Server state, one store for the whole window. Select as little as possible: one row, one list. */
export const useServer = create<ServerState>()(() => nothingYet);
