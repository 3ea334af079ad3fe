/** What has changed since the last delta: noted as it happens where that is known, compared where it is not. */
import type {
  Delta,
  EndpointRow,
  HostInfo,
  LogEntry,
  MigrationCounters,
  ObservationRow,
  OperationRow,
  PoolRow,
  Sample,
  TransferRow,
} from '../contract/index.ts';

type Changes = Omit<Delta, 'seq' | 'at' | 'sessions'>;

/** Where the compared lists and the rest of a delta come from. */
export interface PendingSources {
  /** Nobody watches: nothing needs to be noted. */
  isWatched(): boolean;
  endpoints(): EndpointRow[];
  pools(): PoolRow[];
  /** The same list as before when nothing has changed. */
  observations(): readonly ObservationRow[];
  host(): HostInfo;
  counters(): MigrationCounters;
}

/** See the head of this file. */
export class Pending {
  readonly #sources: PendingSources;
  #transfers = new Map<number, TransferRow>();
  #operations = new Map<number, OperationRow>();
  #log: LogEntry[] = [];
  #sample: Sample | null = null;
  #hostChanged = false;
  #lastEndpoints = '';
  #lastPools = '';
  #lastObservations: readonly ObservationRow[] | null = null;

  constructor(sources: PendingSources) {
    this.#sources = sources;
  }

  noteTransfer(row: TransferRow): void {
    if (this.#sources.isWatched()) this.#transfers.set(row.id, row);
  }

  noteOperation(row: OperationRow): void {
    if (this.#sources.isWatched()) this.#operations.set(row.id, row);
  }

  noteLog(entry: LogEntry): void {
    if (this.#sources.isWatched()) this.#log.push(entry);
  }

  noteSample(sample: Sample): void {
    this.#sample = sample;
  }

  noteHost(): void {
    this.#hostChanged = true;
  }

  /** Hands out what is pending and forgets it. */
  take(): Changes {
    const changes: Changes = {};
    const endpoints = this.#sources.endpoints();
    const endpointsText = JSON.stringify(endpoints);
    if (endpointsText !== this.#lastEndpoints) changes.endpoints = endpoints;
    this.#lastEndpoints = endpointsText;
    const pools = this.#sources.pools();
    const poolsText = JSON.stringify(pools);
    if (poolsText !== this.#lastPools) changes.pools = pools;
    this.#lastPools = poolsText;
    const observations = this.#sources.observations();
    if (observations !== this.#lastObservations) changes.observations = [...observations];
    this.#lastObservations = observations;
    if (this.#hostChanged) changes.host = this.#sources.host();
    this.#hostChanged = false;
    if (this.#transfers.size > 0) {
      changes.transfers = [...this.#transfers.values()];
      changes.counters = this.#sources.counters();
      this.#transfers = new Map();
    }
    if (this.#operations.size > 0) changes.operations = [...this.#operations.values()];
    this.#operations = new Map();
    if (this.#sample !== null) changes.sample = this.#sample;
    this.#sample = null;
    if (this.#log.length > 0) changes.log = this.#log;
    this.#log = [];
    return changes;
  }
}
