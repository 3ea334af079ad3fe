/**
 * The capture of statements: which sessions are listened to and until when, and what was heard, in memory and within bounds. Nothing here
 * is written anywhere, and while nothing is captured no session has to do with it.
 */
import type { CapturedStatement, CapturePage, CaptureState } from '../contract/index.ts';
import { redacted, type KeptText } from '../sql/redact.ts';
import type { Link } from './link.ts';
import { StatementTap, type OpenStatement, type TapSink } from './statement-tap.ts';

/** How much is kept: statements, and characters of their texts. */
const STATEMENTS_KEPT = 5_000;
const TEXT_KEPT = 2 * 1024 * 1024;
/** The same for the texts of statements that may be run again. */
const REMEMBERED = 2_000;
const REMEMBERED_TEXT = 2 * 1024 * 1024;
/** How long it is kept after the capture has ended, in milliseconds. */
const KEPT_MS = 600_000;
const PAGE = 500;

/** A session, as far as it concerns the capture. */
export interface CapturedSession {
  readonly id: number;
  readonly forwarder: { readonly link: Link };
}

/** What it needs from outside. */
export interface CaptureOptions {
  sessions(): ReadonlyMap<number, CapturedSession>;
  /** It has begun or ended, by itself or not. */
  onChange(why: 'started' | 'stopped' | 'over'): void;
}

/** See the head of this file. One for all sessions. */
export class StatementCapture implements TapSink {
  readonly #options: CaptureOptions;
  /** By revision: what has changed last stands last. */
  readonly #kept = new Map<number, OpenStatement>();
  readonly #texts = new Map<string, KeptText>();
  #keptText = 0;
  #rememberedText = 0;
  #revision = -1;
  #nextId = 0;
  #dropped = 0;
  #state: CaptureState | null = null;
  #wanted: ReadonlySet<number> | null = null;
  #keptUntil: number | null = null;
  #timer: NodeJS.Timeout | null = null;

  constructor(options: CaptureOptions) {
    this.#options = options;
  }

  /** What is under way; null: nothing is. */
  get state(): CaptureState | null {
    return this.#state;
  }

  /** Whether the statements of this session are captured at the moment. */
  covers(id: number): boolean {
    return this.#state !== null && (this.#wanted === null || this.#wanted.has(id));
  }

  /** Listens to these sessions, or to all of them and those that come; takes the place of what is under way. */
  start(ids: readonly number[] | null, seconds: number): CaptureState {
    this.#unplug();
    this.#wanted = ids === null ? null : new Set(ids);
    const until = Date.now() + seconds * 1_000;
    this.#state = { until, sessions: ids === null ? null : [...ids] };
    this.#keptUntil = until + KEPT_MS;
    for (const session of this.#options.sessions().values()) this.joined(session);
    this.#wait(seconds * 1_000, () => this.#end('over'));
    this.#options.onChange('started');
    return this.#state;
  }

  /** Ends it; nothing happens if there is none. */
  stop(): void {
    if (this.#state !== null) this.#end('stopped');
  }

  /** Forgets all that was captured. */
  clear(): void {
    this.#kept.clear();
    this.#texts.clear();
    this.#keptText = 0;
    this.#rememberedText = 0;
    this.#dropped = 0;
    if (this.#state !== null) return;
    this.#keptUntil = null;
    this.#wait(null, () => {});
  }

  /** The program ends. */
  close(): void {
    this.#unplug();
    this.#state = null;
    this.clear();
  }

  /** A session has come. */
  joined(session: CapturedSession): void {
    if (!this.covers(session.id)) return;
    const { link } = session.forwarder;
    link.capture = new StatementTap(this, session.id, () => link.expected.outstanding);
  }

  /** What has changed behind `after`, of one session or of all. */
  page(after: number, sessionId: number | null): CapturePage {
    const statements: CapturedStatement[] = [];
    let next = Math.min(after, this.#revision);
    for (const { revision, row } of this.#kept.values()) {
      if (revision <= after || (sessionId !== null && row.sessionId !== sessionId)) continue;
      if (statements.length === PAGE) break;
      statements.push(row);
      next = revision;
    }
    return { statements, next, dropped: this.#dropped, capture: this.#state, keptUntil: this.#keptUntil };
  }

  // ---- what the taps hear ----

  textOf(bytes: Buffer, start: number, end: number, complete: boolean): KeptText {
    return redacted(bytes, start, end, complete);
  }

  add(sessionId: number, via: CapturedStatement['via'], name: string | null, text: KeptText | null): OpenStatement {
    const row: CapturedStatement = {
      id: this.#nextId++,
      sessionId,
      at: Date.now(),
      via,
      name,
      text: text?.text ?? null,
      isCut: text?.isCut ?? false,
      isRedacted: text?.isRedacted ?? false,
      ms: null,
      error: null,
    };
    const statement = { revision: ++this.#revision, startedAt: performance.now(), row };
    this.#kept.set(statement.revision, statement);
    this.#keptText += sizeOf(row);
    this.#makeRoom();
    return statement;
  }

  runs(statement: OpenStatement): void {
    this.#change(statement, { via: 'execute' });
  }

  answered(statement: OpenStatement): void {
    this.#change(statement, { ms: Math.round((performance.now() - statement.startedAt) * 1_000) / 1_000 });
  }

  failed(statement: OpenStatement, sqlState: string): void {
    if (statement.row.error === null) this.#change(statement, { error: sqlState });
  }

  remember(sessionId: number, name: string, text: KeptText): void {
    const key = `${sessionId} ${name}`;
    this.#forgetText(key);
    this.#texts.set(key, text);
    this.#rememberedText += text.text.length;
    for (const oldest of this.#texts.keys()) {
      if (this.#texts.size <= REMEMBERED && this.#rememberedText <= REMEMBERED_TEXT) return;
      this.#forgetText(oldest);
    }
  }

  recall(sessionId: number, name: string): KeptText | null {
    return this.#texts.get(`${sessionId} ${name}`) ?? null;
  }

  #forgetText(key: string): void {
    this.#rememberedText -= this.#texts.get(key)?.text.length ?? 0;
    this.#texts.delete(key);
  }

  #change(statement: OpenStatement, change: Partial<CapturedStatement>): void {
    // What was let go meanwhile, or forgotten, stays so.
    if (!this.#kept.delete(statement.revision)) return;
    statement.row = { ...statement.row, ...change };
    statement.revision = ++this.#revision;
    this.#kept.set(statement.revision, statement);
  }

  #makeRoom(): void {
    for (const [revision, { row }] of this.#kept) {
      if (this.#kept.size <= STATEMENTS_KEPT && this.#keptText <= TEXT_KEPT) return;
      this.#kept.delete(revision);
      this.#keptText -= sizeOf(row);
      this.#dropped++;
    }
  }

  #end(why: 'stopped' | 'over'): void {
    this.#unplug();
    this.#state = null;
    this.#wanted = null;
    this.#texts.clear();
    this.#rememberedText = 0;
    this.#keptUntil = Date.now() + KEPT_MS;
    this.#wait(KEPT_MS, () => this.clear());
    this.#options.onChange(why);
  }

  #unplug(): void {
    for (const { forwarder } of this.#options.sessions().values()) forwarder.link.capture = null;
  }

  #wait(delayMs: number | null, then: () => void): void {
    clearTimeout(this.#timer ?? undefined);
    this.#timer = delayMs === null ? null : setTimeout(then, delayMs);
    this.#timer?.unref();
  }
}

function sizeOf({ text, name }: CapturedStatement): number {
  return (text?.length ?? 0) + (name?.length ?? 0);
}
