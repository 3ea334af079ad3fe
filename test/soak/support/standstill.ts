/**
 * Looks at every session once a second: each client asks something every two seconds at most, and its server answers within
 * milliseconds. Who has neither sent nor got anything for far longer is held by somebody, and a move that waits for a safe point of such
 * a client for so long was forgotten.
 */
import type { SessionRow, Snapshot, TransferRow } from '../../../core/contract/index.ts';
import type { Yard } from '../../support/yard.ts';

/** How long nothing may happen, in milliseconds: an overloaded machine is slow, and not wrong. */
const STILL_MS = 30_000;
const LOOK_MS = 1_000;

interface Seen {
  readonly was: string;
  readonly since: number;
}

/** Calls `found` once, with the sessions that stand still; watches from its construction until `close`. */
export class Standstill {
  readonly #yard: Yard;
  readonly #found: (rows: readonly SessionRow[], snapshot: Snapshot) => void;
  readonly #timer: NodeJS.Timeout;
  #seen = new Map<string, Seen>();

  constructor(yard: Yard, found: (rows: readonly SessionRow[], snapshot: Snapshot) => void) {
    this.#yard = yard;
    this.#found = found;
    this.#timer = setInterval(() => void this.#look(), LOOK_MS);
  }

  close(): void {
    clearInterval(this.#timer);
  }

  async #look(): Promise<void> {
    const snapshot = await this.#yard.snapshot();
    const next = new Map<string, Seen>();
    const isStill = (key: string, was: string): boolean => {
      const known = this.#seen.get(key);
      const seen = known?.was === was ? known : { was, since: Date.now() };
      next.set(key, seen);
      return Date.now() - seen.since > STILL_MS;
    };
    const ids = new Set<number>();
    for (const row of snapshot.sessions) if (isStill(`session ${row.id}`, progressOf(row))) ids.add(row.id);
    for (const row of snapshot.transfers) if (row.outcome === null && isStill(`move ${row.id}`, phaseOf(row))) ids.add(row.sessionId);
    this.#seen = next;
    if (ids.size === 0) return;
    this.close();
    this.#found(
      snapshot.sessions.filter(({ id }) => ids.has(id)),
      snapshot,
    );
  }
}

function progressOf({ lastRequest, lastResponse }: SessionRow): string {
  return `${lastRequest?.at ?? 0} ${lastResponse?.at ?? 0}`;
}

function phaseOf({ phases, attempts }: TransferRow): string {
  return `${phases.length} ${attempts}`;
}
