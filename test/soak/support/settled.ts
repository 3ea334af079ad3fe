/** What becomes of operations and transfers, as the deltas tell it: the counts of outcomes, and the end of each operation. */
import type { Delta, OperationRow, TransferRow } from '../../../core/contract/index.ts';
import type { Yard } from '../../support/yard.ts';

/** Watches a yard from its construction to `close`. */
export class Settled {
  /** Transfers by outcome, and how often in which mode. */
  readonly outcomes = { success: 0, error_recoverable: 0, error_fatal: 0, refused: 0 };
  readonly modes = new Map<string, number>();
  /** Why transfers did not succeed, and how often. */
  readonly reasons = new Map<string, number>();
  readonly pausesMs: number[] = [];
  readonly #seen = new Set<number>();
  readonly #operations = new Map<number, OperationRow>();
  readonly #waiting = new Map<number, (row: OperationRow) => void>();
  readonly close: () => void;

  constructor(yard: Yard) {
    this.close = yard.switchyard.subscribe((delta) => this.#note(delta));
  }

  /** The operation when it has settled. */
  async operation(id: number): Promise<OperationRow> {
    const done = this.#operations.get(id) ?? (await new Promise<OperationRow>((resolve) => this.#waiting.set(id, resolve)));
    this.#operations.delete(id);
    return done;
  }

  summary(): string {
    const list = (counts: Map<string, number>): string => [...counts].map(([what, count]) => `${count} ${what}`).join(', ');
    const sorted = this.pausesMs.toSorted((a, b) => a - b);
    const at = (share: number): string => (sorted[Math.floor(share * (sorted.length - 1))] ?? 0).toFixed(1);
    return `${JSON.stringify(this.outcomes)}; ${list(this.modes)}; pause ms p50 ${at(0.5)} p95 ${at(0.95)} max ${at(1)}; not moved: ${list(this.reasons) || 'none'}`;
  }

  #note({ transfers = [], operations = [] }: Delta): void {
    for (const row of transfers) if (row.outcome !== null && !this.#seen.has(row.id)) this.#count(row, row.outcome);
    for (const row of operations) {
      if (row.settledAt === null) continue;
      const waiting = this.#waiting.get(row.id);
      this.#waiting.delete(row.id);
      if (waiting === undefined) this.#operations.set(row.id, row);
      else waiting(row);
    }
  }

  #count(row: TransferRow, outcome: keyof Settled['outcomes']): void {
    this.#seen.add(row.id);
    this.outcomes[outcome]++;
    if (outcome === 'success') {
      const mode = row.mode ?? 'no mode';
      this.modes.set(mode, (this.modes.get(mode) ?? 0) + 1);
      this.pausesMs.push(row.pauseMs ?? 0);
    } else {
      const reason = `${outcome}: ${(row.reason ?? 'no reason').replaceAll(/\d+/g, 'n')}`;
      this.reasons.set(reason, (this.reasons.get(reason) ?? 0) + 1);
    }
  }
}
