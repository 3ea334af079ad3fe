/** What is worth a notification while nobody looks: a migration that has ended, a backend that is lost. Never a count. */
import type { Delta, EndpointRow, OperationRow, Snapshot } from '../../core/contract/index.ts';

/** One notification, and the view it leads to. */
export interface Notice {
  title: string;
  body: string;
  navigate: string;
}

/** A backend that comes and goes is told of once in this time, in milliseconds. */
const FLAPPING_MS = 60_000;
/** Ended operations that are remembered; a host forgets its oldest at the same number. */
const REMEMBERED = 1_000;

/** See the head of this file. */
export class Notices {
  readonly #now: () => number;
  readonly #told = new Set<number>();
  readonly #toldAt = new Map<string, number>();
  #endpoints: readonly EndpointRow[] = [];

  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  /** What was so before is no news. */
  begin({ operations, endpoints }: Pick<Snapshot, 'operations' | 'endpoints'>): void {
    for (const { id, settledAt } of operations) if (settledAt !== null) this.#remember(id);
    this.#endpoints = endpoints;
  }

  /** What a delta brings that is worth a notification. */
  take(delta: Pick<Delta, 'operations' | 'endpoints'>): Notice[] {
    const ended = (delta.operations ?? []).flatMap((operation) => this.#ended(operation));
    const lost = delta.endpoints === undefined ? [] : this.#lost(delta.endpoints);
    return [...ended, ...lost];
  }

  #ended(operation: OperationRow): Notice[] {
    if (operation.settledAt === null || this.#told.has(operation.id)) return [];
    this.#remember(operation.id);
    // The balancer works in rounds that nobody asked for, and who cancels knows of it.
    if (operation.kind === 'balance' || operation.cancelled) return [];
    const { success, recoverable, fatal, refused } = operation;
    const failed = recoverable + fatal > 0 || (success === 0 && refused > 0);
    const counts = [`${success} moved`, stayed(recoverable + refused), ended(fatal)].filter((words) => words !== null);
    return [
      {
        title: failed ? 'Migration failed' : 'Migration finished',
        body: `${operation.label}: ${counts.join(', ')}.`,
        navigate: '#/migrations',
      },
    ];
  }

  #lost(after: readonly EndpointRow[]): Notice[] {
    const before = new Map(this.#endpoints.map(({ backend, status }) => [backend, status]));
    this.#endpoints = after;
    const gone = new Map<string, EndpointRow[]>();
    for (const row of after) {
      if (row.status !== 'down' || before.get(row.backend) !== 'up') continue;
      gone.set(row.backend, [...(gone.get(row.backend) ?? []), row]);
    }
    const notices: Notice[] = [];
    for (const [backend, rows] of gone) {
      const now = this.#now();
      if (now - (this.#toldAt.get(backend) ?? -Infinity) < FLAPPING_MS) continue;
      this.#toldAt.set(backend, now);
      const names = rows.map(({ id }) => id).join(', ');
      notices.push({
        title: `Backend ${backend} is lost`,
        body: `${names}: ${rows[0]?.statusReason ?? 'it does not answer'}`,
        navigate: `#/endpoints?endpoint=${rows[0]?.id ?? ''}`,
      });
    }
    return notices;
  }

  #remember(id: number): void {
    this.#told.add(id);
    for (const oldest of this.#told) {
      if (this.#told.size <= REMEMBERED) break;
      this.#told.delete(oldest);
    }
  }
}

function stayed(count: number): string | null {
  return count === 0 ? null : `${count} stayed`;
}

function ended(count: number): string | null {
  return count === 0 ? null : `${count} had to be ended`;
}
