/**
 * What a session on CockroachDB may have that its server neither hands over nor refuses to leave behind, as far as its statements tell:
 * channels it listens on, cursors WITH HOLD, advisory locks. Noted too early rather than too late: a statement that fails, or is rolled
 * back, is noted all the same.
 */
import { splitStatements } from '../sql/facts.ts';

const WORTH_READING = /listen|hold|advisory|discard/i;
/** Longest text that is read; nobody listens in a longer one. */
const LONGEST = 64 * 1024;

/** See the head of this file. */
export class HeldNotes {
  /** Channels, as the client wrote their names, folded. */
  readonly channels = new Set<string>();
  mayHoldCursors = false;
  mayHoldLocks = false;

  /** It has none of it. */
  get isEmpty(): boolean {
    return this.channels.size === 0 && !this.mayHoldCursors && !this.mayHoldLocks;
  }

  /** A Query or Parse passes: `bytes[start, end)` is its SQL text. */
  note(bytes: Buffer, start: number, end: number): void {
    const sql = bytes.toString('latin1', start, Math.min(end, start + LONGEST));
    if (!WORTH_READING.test(sql)) return;
    for (const piece of splitStatements(sql)) this.#statement(sql.slice(piece.start, piece.end));
  }

  #statement(sql: string): void {
    const [, verb = '', name = ''] = /^(listen|unlisten|discard|declare)\b\s*("(?:[^"]|"")+"|[^\s;]+)?/i.exec(sql) ?? [];
    const channel = name.startsWith('"') ? name.slice(1, -1).replaceAll('""', '"') : name.toLowerCase();
    switch (verb.toLowerCase()) {
      case 'listen':
        this.channels.add(channel);
        break;
      case 'unlisten':
        if (channel === '*') this.channels.clear();
        else this.channels.delete(channel);
        break;
      case 'discard':
        if (channel === 'all') this.#forget();
        break;
      case 'declare':
        this.mayHoldCursors ||= /\bwith\s+hold\b/i.test(sql);
    }
    if (/\bpg_advisory_unlock_all\b/i.test(sql)) this.mayHoldLocks = false;
    else this.mayHoldLocks ||= /\bpg_(?:try_)?advisory_lock/i.test(sql);
  }

  #forget(): void {
    this.channels.clear();
    this.mayHoldCursors = false;
    this.mayHoldLocks = false;
  }
}
