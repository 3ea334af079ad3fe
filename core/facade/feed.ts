/** Turns what changes into numbered deltas, four times a second at most, and only while somebody listens. */
import type { Delta, SessionRow } from '../contract/index.ts';

const TICK_MS = 250;

/** Where a tick finds what it publishes. */
export interface FeedSources {
  sessions(): SessionRow[];
  /** Everything of a delta but its number, time and sessions; keys without a change are absent. Called once per tick. */
  changes(): Omit<Delta, 'seq' | 'at' | 'sessions'>;
}

/** See the head of this file. */
export class Feed {
  /** Number of the last delta. */
  seq = 0;
  readonly #sources: FeedSources;
  readonly #listeners = new Set<(delta: Delta) => void>();
  readonly #published = new Map<number, SessionRow>();
  #timer: NodeJS.Timeout | null = null;

  constructor(sources: FeedSources) {
    this.#sources = sources;
  }

  subscribe(listener: (delta: Delta) => void): () => void {
    this.#listeners.add(listener);
    this.#timer ??= setInterval(() => this.#tick(), TICK_MS);
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size === 0) this.stop();
    };
  }

  get isWatched(): boolean {
    return this.#listeners.size > 0;
  }

  /** Publishes what is pending now. */
  flush(): void {
    if (this.isWatched) this.#tick();
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }

  #tick(): void {
    const sessions = this.#sessionChanges();
    const changes = this.#sources.changes();
    if (sessions === null && Object.keys(changes).length === 0) return;
    const delta: Delta = { seq: ++this.seq, at: Date.now(), ...(sessions === null ? {} : { sessions }), ...changes };
    for (const listener of this.#listeners) listener(delta);
  }

  #sessionChanges(): Delta['sessions'] | null {
    const rows = this.#sources.sessions();
    const upsert = rows.filter((row) => {
      const before = this.#published.get(row.id);
      return before === undefined || differs(before, row);
    });
    for (const row of upsert) this.#published.set(row.id, row);
    const remove: number[] = [];
    if (this.#published.size > rows.length) {
      const there = new Set(rows.map((row) => row.id));
      for (const id of this.#published.keys()) if (!there.has(id)) remove.push(id);
      for (const id of remove) this.#published.delete(id);
    }
    return upsert.length + remove.length === 0 ? null : { upsert, remove };
  }
}

/** The clocks cover everything that traffic can change; the rest changes without traffic. */
function differs(a: SessionRow, b: SessionRow): boolean {
  return (
    a.lastRequest?.at !== b.lastRequest?.at ||
    a.lastResponse?.at !== b.lastResponse?.at ||
    a.bytesIn !== b.bytesIn ||
    a.bytesOut !== b.bytesOut ||
    a.state !== b.state ||
    a.endpoint !== b.endpoint ||
    a.backend !== b.backend ||
    a.serverPid !== b.serverPid ||
    a.migrations !== b.migrations ||
    a.transfer?.id !== b.transfer?.id ||
    a.transfer?.phase !== b.transfer?.phase
  );
}
