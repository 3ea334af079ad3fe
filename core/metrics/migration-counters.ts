/** The first seed's counters of migrations. */
import type { MigrationCounters, TransferOutcome } from '../contract/index.ts';
import { Reservoir } from './distribution.ts';

/**
 * Counts transfers. An attempt is counted when it settles, in one step with its outcome, so
 * attempted = success + error_recoverable + error_fatal holds at every moment.
 */
export class MigrationTally {
  #success = 0;
  #recoverable = 0;
  #fatal = 0;
  #refused = 0;
  #inFlight = 0;
  readonly #latency = new Reservoir();
  readonly #pause = new Reservoir();

  /** A transfer is under way; `settle` ends it. */
  begin(): void {
    this.#inFlight++;
  }

  /**
   * A transfer that was begun has ended. `latencyMs`: from request to settlement. `pauseMs`: how long the client was held;
   * null if it was not. A refusal attempts nothing: it enters neither `attempted` nor the distributions.
   */
  settle(outcome: TransferOutcome, latencyMs: number, pauseMs: number | null): void {
    this.#inFlight = Math.max(0, this.#inFlight - 1);
    switch (outcome) {
      case 'refused':
        this.#refused++;
        return;
      case 'success':
        this.#success++;
        break;
      case 'error_recoverable':
        this.#recoverable++;
        break;
      case 'error_fatal':
        this.#fatal++;
        break;
    }
    this.#latency.add(latencyMs);
    if (pauseMs !== null) this.#pause.add(pauseMs);
  }

  snapshot(): MigrationCounters {
    return {
      attempted: this.#success + this.#recoverable + this.#fatal,
      success: this.#success,
      error_recoverable: this.#recoverable,
      error_fatal: this.#fatal,
      refused: this.#refused,
      inFlight: this.#inFlight,
      attemptedLatency: this.#latency.snapshot(),
      pause: this.#pause.snapshot(),
    };
  }
}
