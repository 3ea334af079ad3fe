import type { OperationRow } from '../../../../core/contract/index.ts';
import { plural } from '../../lib/format.ts';

/** What is to be said of operations that go on or have just ended, in one breath. */
export function summaryOf(operations: readonly OperationRow[]): string {
  const [only] = operations;
  if (!only) return '';
  if (operations.length === 1) return `${only.label}: ${stateOf(only)}.`;
  const settled = operations.filter(({ settledAt }) => settledAt !== null).length;
  const total = sum(operations, (each) => each.total);
  const moved = sum(operations, (each) => each.success);
  const stayed = sum(operations, stayedIn);
  const words = `${plural(operations.length, 'operation')}, ${settled} settled: ${moved} of ${plural(total, 'session')} moved`;
  return stayed === 0 ? `${words}.` : `${words}, ${stayed} stayed.`;
}

function stateOf(operation: OperationRow): string {
  const stayed = stayedIn(operation);
  if (operation.settledAt === null) return `${operation.success + stayed} of ${operation.total} settled`;
  return `${operation.success} of ${operation.total} moved${stayed === 0 ? '' : `, ${stayed} stayed`}`;
}

function stayedIn(operation: OperationRow): number {
  return operation.refused + operation.recoverable + operation.fatal;
}

function sum<T>(rows: readonly T[], of: (row: T) => number): number {
  return rows.reduce((total, row) => total + of(row), 0);
}

/**
 * Passes on what is newest, the first at once and then at most one in `everyMs`; the last is always passed on. What is the same as before
 * is not said again.
 */
export class Summaries {
  readonly #say: (words: string) => void;
  readonly #everyMs: number;
  #said = '';
  #waiting: string | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(say: (words: string) => void, everyMs: number) {
    this.#say = say;
    this.#everyMs = everyMs;
  }

  offer(words: string): void {
    if (words === '') return;
    if (this.#timer === undefined) this.#pass(words);
    else this.#waiting = words;
  }

  /** Nothing is said any more. */
  end(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#waiting = null;
  }

  #pass(words: string): void {
    if (words === this.#said) return;
    this.#said = words;
    this.#say(words);
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      const waiting = this.#waiting;
      this.#waiting = null;
      if (waiting !== null) this.#pass(waiting);
    }, this.#everyMs);
  }
}
