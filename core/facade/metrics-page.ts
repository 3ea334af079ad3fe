/** The page that Prometheus reads, and the figures that are kept for it alone. */
import type { ConsoleHost } from '../console/host.ts';
import type { LogEntry, PoolRow, TransferMode, TransferRow } from '../contract/index.ts';
import { Histogram } from '../metrics/histogram.ts';
import { exposition } from '../metrics/prometheus.ts';
import { ownMetrics, type PageFigures } from './own-metrics.ts';
import { pgbouncerMetrics } from './pgbouncer-metrics.ts';
import { PoolBook } from './pool-book.ts';

const SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const BYTES = [256, 1_024, 4_096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304, 16_777_216];

/** See the head of this file. */
export class MetricsPage {
  readonly #latency = new Histogram(SECONDS);
  /** By mode. */
  readonly #pauses = new Map<TransferMode, Histogram>();
  readonly #held = new Histogram(BYTES);
  /** By the code of what forbade it. */
  readonly #refusals = new Map<string, number>();
  readonly #state = new Histogram(BYTES);
  readonly #pools = new PoolBook();
  readonly #events = new Map<LogEntry['level'], number>([
    ['info', 0],
    ['warn', 0],
    ['error', 0],
  ]);

  /** A transfer has settled. */
  noteSettled({ outcome, requestedAt, settledAt, pauseMs, stateBytes, mode, heldBytes, findings }: TransferRow): void {
    if (outcome === null) return;
    if (outcome === 'refused') {
      const code = findings.find(({ level }) => level === 'block')?.code ?? 'other';
      this.#refusals.set(code, (this.#refusals.get(code) ?? 0) + 1);
      return;
    }
    this.#latency.add(((settledAt ?? requestedAt) - requestedAt) / 1000);
    if (stateBytes !== null) this.#state.add(stateBytes);
    if (pauseMs === null || mode === null) return;
    this.#held.add(heldBytes);
    const pauses = this.#pauses.get(mode) ?? new Histogram(SECONDS);
    this.#pauses.set(mode, pauses);
    pauses.add(pauseMs / 1000);
  }

  noteEvent({ level }: LogEntry): void {
    this.#events.set(level, (this.#events.get(level) ?? 0) + 1);
  }

  /** Once a second, so that little is lost with a pool that goes. */
  notePools(rows: readonly PoolRow[]): void {
    this.#pools.note(rows);
  }

  /** `host`: one made for this page; its rows are asked for once. */
  text(host: ConsoleHost, more: PageFigures): string {
    const now = asOfNow(host);
    this.#pools.note(now.pools());
    return exposition([
      ...pgbouncerMetrics(now),
      ...ownMetrics(now, {
        pools: this.#pools.rows(),
        migrationLatency: this.#latency.snapshot(),
        migrationPauses: [...this.#pauses].map(([mode, pauses]) => ({ labels: { mode }, counts: pauses.snapshot() })),
        migrationHeld: this.#held.snapshot(),
        refusals: this.#refusals,
        migrationState: this.#state.snapshot(),
        events: this.#events,
        ...more,
      }),
    ]);
  }
}

/** The same rows for every metric of a page: cheaper, and figures that add up. */
function asOfNow(host: ConsoleHost): ConsoleHost {
  const sessions = host.sessions();
  const pools = host.pools();
  const endpoints = host.endpoints();
  const stats = host.stats();
  return { ...host, sessions: () => sessions, pools: () => pools, endpoints: () => endpoints, stats: () => stats };
}
