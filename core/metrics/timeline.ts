/** What happened to one thing (a session, a transfer), in order: a bounded list that an operator can read and export. */

/** One entry. `at`: milliseconds since the epoch. */
export interface TimelineEntry {
  readonly at: number;
  /** Stable word, for example `connected`, `capture`, `resurrected`. */
  readonly name: string;
  /** In words; null: the name says it all. Never a statement's text or a secret. */
  readonly detail: string | null;
}

/** Entries kept at each end: how it began explains as much as what came last. */
const FIRST_KEPT = 10;
const LAST_KEPT = 90;

/** See the head of this file. Costs a few bytes until something is noted. */
export class Timeline {
  #entries: TimelineEntry[] | null = null;
  /** Entries that were forgotten, between the first ones and the last. */
  forgotten = 0;

  note(name: string, detail: string | null = null): void {
    this.#entries ??= [];
    this.#entries.push({ at: Date.now(), name, detail });
    if (this.#entries.length <= FIRST_KEPT + LAST_KEPT) return;
    this.#entries.splice(FIRST_KEPT, 1);
    this.forgotten++;
  }

  /** Oldest first. */
  get entries(): readonly TimelineEntry[] {
    return this.#entries ?? [];
  }
}
