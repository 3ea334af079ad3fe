/** The event log: what happened, in words, the last few thousand lines of it. */
import { LOG_KEPT, type LogEntry } from '../contract/index.ts';

/** How far back an equal line is looked for. */
const LOOKED_BACK = 50;

/** A ring of the newest entries. Ids rise by one and are never reused, so a reader sees what it missed. */
export class EventLog {
  readonly #capacity: number;
  readonly #now: () => number;
  #entries: LogEntry[] = [];
  #nextId = 1;
  readonly #listeners = new Set<(entry: LogEntry) => void>();

  constructor(capacity = LOG_KEPT, now: () => number = Date.now) {
    this.#capacity = capacity;
    this.#now = now;
  }

  /**
   * Adds a line. `code` is stable (`backend_lost`, …); `message` is for people and never holds a secret. A line that says the same
   * as a recent one takes its place and counts it: clients that retry must not push out what made them retry.
   */
  add(level: LogEntry['level'], code: string, message: string, sessionId: number | null = null): LogEntry {
    const repeated = this.#takeEqual(level, code, message);
    const entry: LogEntry = { id: this.#nextId++, at: this.#now(), level, code, message, sessionId, repeats: (repeated?.repeats ?? 0) + 1 };
    this.#entries.push(entry);
    // Trimmed in blocks: shifting the array for every line would make a busy log quadratic.
    if (this.#entries.length >= this.#capacity * 2) this.#entries = this.#entries.slice(-this.#capacity);
    for (const listener of this.#listeners) listener(entry);
    return entry;
  }

  #takeEqual(level: LogEntry['level'], code: string, message: string): LogEntry | null {
    const first = Math.max(0, this.#entries.length - LOOKED_BACK);
    for (let at = this.#entries.length - 1; at >= first; at--) {
      const entry = this.#entries[at];
      if (entry?.message === message && entry.code === code && entry.level === level) {
        this.#entries.splice(at, 1);
        return entry;
      }
    }
    return null;
  }

  /** The newest entries, newest last, at most the capacity. */
  list(): LogEntry[] {
    return this.newest(this.#capacity);
  }

  /** The newest entries, newest last, at most so many. */
  newest(most: number): LogEntry[] {
    return this.#entries.slice(-Math.min(most, this.#capacity));
  }

  /** The newest entries with an id below `id`, newest last, at most so many. */
  before(id: number, most: number): LogEntry[] {
    const held = this.list();
    const first = held.findIndex((entry) => entry.id >= id);
    return held.slice(0, first < 0 ? held.length : first).slice(-most);
  }

  /** Entries with an id above `id`, as far as they are still held. */
  since(id: number): LogEntry[] {
    return this.list().filter((entry) => entry.id > id);
  }

  /** Calls `listener` for each new entry; returns the function that stops it. Listeners must not throw. */
  onEntry(listener: (entry: LogEntry) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
