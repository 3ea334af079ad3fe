/**
 * What the prepared-statement names of one session stand for (pooling.md 3.4.6), while its server connection may change at every
 * boundary. What is sent counts at once for what is sent behind it; what the server skips is undone.
 */
import type { ServerConnection } from '../../backend/server-connection.ts';
import { Client, Status } from '../../wire/codes.ts';
import { close } from '../../wire/messages.ts';
import { Expected, type ExpectedAnswers } from '../expected-answers.ts';
import type { SessionJournal } from '../journal.ts';
import { NameBook } from './name-book.ts';
import { OnItsWay } from './on-its-way.ts';
import { OwnMessages } from './own-messages.ts';
import type { Pending } from './pending.ts';
import type { PreparedHere } from './prepared-here.ts';
import { isStalePlan, putBack } from './put-back.ts';
import { expectAgain, isRetryable, type Retry } from './retry.ts';
import type { SharedStatements } from './shared.ts';
import { withName, type ParseContext, type Statement } from './statement.ts';

const nothing = Buffer.alloc(0);
const noStatement = { frame: null, tooLarge: 0, effects: 0 };

/** A statement under the client's own name. */
export interface NamedStatement {
  /** A character per byte, in the client's encoding. */
  readonly name: string;
  /** The Parse as the client sent it; null: too large to be kept. */
  readonly frame: Buffer | null;
  /** What it was parsed under; null: not known for certain. */
  readonly under: ParseContext | null;
}

/** Who wants to know that a session has something that cannot follow it. */
export interface NamesWatch {
  /** In words; `StatementNames.privateCount`, or the journal's unnamed statement, says whether it is still so. */
  uncarried(reason: string): void;
}

/** See the head of this file. */
export class StatementNames {
  /** The client's names are the server's: only the unnamed statement needs care. */
  isNative = false;
  /** The last ReadyForQuery said that a transaction is open. */
  isInTransaction = false;
  readonly #shared: SharedStatements;
  readonly #expected: ExpectedAnswers;
  readonly #journal: SessionJournal;
  readonly #watch: NamesWatch;
  #here: PreparedHere | null = null;
  #under: ParseContext = { key: '', settings: new Map() };
  /** There may be names whose statements were parsed under other settings than the present ones. */
  #hasStrangers = false;
  #isUncertain = false;
  /** What made it so is done, outside of any transaction: it is one certain setting that is not known yet. */
  #isChangeOver = false;
  /** Parsed since then. */
  readonly #unsettled = new Set<Statement>();
  readonly #book: NameBook;
  readonly #onItsWay = new OnItsWay();
  readonly #own: OwnMessages;
  /** Where its unnamed statement stands, if nobody else's does. */
  #unnamedOn: PreparedHere | null = null;
  /** Number of the last message that changed the unnamed statement. */
  #unnamedAt = -1;
  /** Number of the last Sync: what was sent before it may fail without what is sent behind it being skipped. */
  #syncedAt = -1;
  /** What is on its way and could be sent again. */
  #retry: Retry | null = null;

  constructor(shared: SharedStatements, expected: ExpectedAnswers, journal: SessionJournal, watch: NamesWatch) {
    this.#shared = shared;
    this.#expected = expected;
    this.#journal = journal;
    this.#watch = watch;
    this.#book = new NameBook(shared);
    this.#own = new OwnMessages(shared, expected, this.#onItsWay);
  }

  /** What the proxy sends in front of the client's message; whoever forwards that takes it. */
  get front(): Buffer[] {
    return this.#own.front;
  }

  /** How many of its statements cannot be parsed anywhere else: it must keep its server connection. */
  get privateCount(): number {
    return this.#book.privateCount;
  }

  /** The session got this server connection. */
  attached(server: ServerConnection): void {
    this.#here = this.#shared.on(server);
  }

  /** It gave its server connection back, with nothing on its way. */
  detached(): void {
    this.#here = null;
  }

  /** The settings that a Parse depends on are known for sure. */
  settled(under: ParseContext): void {
    this.#isUncertain = false;
    if (under.key !== this.#under.key) {
      this.#under = under;
      this.#hasStrangers = this.#book.size > 0;
    }
    if (this.#unsettled.size > 0) this.#settle();
  }

  /** These settings may be others by now: what is parsed from here on is this session's alone, at least until they are known. */
  uncertain(): void {
    this.#isUncertain = true;
    this.#isChangeOver = false;
    this.#unsettled.clear();
  }

  /** How many statements the session has prepared. */
  get size(): number {
    return this.#book.size;
  }

  /** Its statements by the client's names, in the order they were prepared. */
  prepared(): { readonly name: string; readonly statement: Statement }[] {
    return [...this.#book.values()].map(({ name, statement }) => ({ name, statement }));
  }

  /** What the session has prepared, in the order it was. */
  names(): NamedStatement[] {
    return [...this.#book.values()].map(({ name, statement: { body, under } }) => ({
      name,
      frame: body === null ? null : withName(Client.Parse, Buffer.from(`${name}\0`, 'latin1'), body),
      under,
    }));
  }

  /**
   * Those of the session's statements that this server connection lacks and that the session's present settings would make another
   * statement of: to be parsed under their own before it is attached (`parseStrangers`).
   */
  strangersTo(server: ServerConnection): Statement[] {
    if (!this.#hasStrangers || this.isNative) return [];
    const here = this.#shared.on(server);
    const found: Statement[] = [];
    this.#hasStrangers = false;
    for (const { statement } of this.#book.values()) {
      if (statement.under === null || statement.under.key === this.#under.key) continue;
      this.#hasStrangers = true;
      if (!here.use(statement)) found.push(statement);
    }
    return found;
  }

  /** The session is over, or its statements have gone elsewhere. What was on its way may or may not have arrived. */
  release(): void {
    this.#unsettled.clear();
    for (const statement of this.#onItsWay.statements.keys()) this.#here?.doubt(statement);
    for (const pending of this.#onItsWay.takeBefore(Infinity)) this.#undo(pending);
    this.#book.clear();
    if (this.#unnamedOn?.unnamedOwner === this) this.#unnamedOn.unnamedOwner = null;
    this.#here = null;
  }

  // ---- what the client says; false: it must wait for what is on its way ----

  /** The client's Sync is sent next. */
  syncs(): void {
    this.#syncedAt = this.#expected.next;
  }

  /** The statement of a name; null: there is none; undefined: that is not known yet. */
  find(name: string): Statement | null | undefined {
    const pending = this.#onItsWay.ofName(name);
    if (pending === undefined) return this.#book.get(name)?.statement ?? null;
    if (this.#isOpen(pending)) return undefined;
    return pending.kind === 'parse' ? pending.statement : null;
  }

  /** The client's Parse of a free name is sent next: under which statement. `body`: what follows the name; null: too large to keep. */
  parses(name: string, body: Buffer | null): Statement | null {
    if (this.#here === null) return null;
    const isAlone = body === null || this.#isUncertain;
    const statement = isAlone ? this.#shared.alone(body) : this.#shared.take(body, this.#under);
    if (this.#isOpen(this.#onItsWay.statements.get(statement))) {
      this.#shared.release(statement);
      return null;
    }
    if (isAlone && this.#isChangeOver) this.#unsettled.add(statement);
    this.#own.free(this.#here, statement);
    this.#onItsWay.add({ kind: 'parse', number: this.#expected.next, name, statement, generation: statement.generation });
    if (body === null) this.#watch.uncarried('a prepared statement is too large to be carried');
    return statement;
  }

  /** The client's Parse of a taken name is sent next, under a name that is taken on the server as well. */
  duplicates(name: string, body: Buffer | null): Statement | null {
    const { taken } = this.#shared;
    if (!this.#ensure(taken)) return null;
    this.#onItsWay.add({ kind: 'duplicate', number: this.#expected.next, name, body: body === null ? null : Buffer.from(body) });
    return taken;
  }

  /** A message that uses a statement is sent next. */
  uses(name: string, statement: Statement): boolean {
    if (!this.#ensure(statement)) return false;
    const known = this.#book.get(name);
    if (known === undefined || known.isAlias || known.name !== name || known.statement !== statement)
      this.#onItsWay.add({ kind: 'use', number: this.#expected.next, name });
    return true;
  }

  /** The client's Close of a name that stands for something is sent next. */
  closes(name: string): void {
    this.#onItsWay.add({ kind: 'close', number: this.#expected.next, name });
  }

  /** It cannot be used where the session is, and nowhere else. */
  isGone(statement: Statement): boolean {
    return statement.frame === null && (this.#here === null || !this.#own.use(this.#here, statement));
  }

  /** A whole cycle of its own has just been sent, outside of a transaction, with nothing in front of it. */
  sent(cycle: Retry): void {
    if (this.#onItsWay.length === 0 && isRetryable(cycle.bytes)) this.#retry = cycle;
  }

  /** Something is sent next that replaces the unnamed statement, or takes it away. */
  changesUnnamed(): void {
    const number = this.#expected.next;
    if (this.#expected.mayBeSkipped) {
      this.#onItsWay.add({ kind: 'unnamed', number, before: this.#journal.saveUnnamed(), changedAt: this.#unnamedAt });
    } else {
      this.#ownsUnnamed();
    }
    this.#unnamedAt = number;
  }

  /** A message that uses the unnamed statement is sent next. */
  usesUnnamed(): boolean {
    if (this.#here === null || this.#here.unnamedOwner === this) return true;
    if (this.#onItsWay.unnamed >= 0) return this.#onItsWay.unnamed > this.#syncedAt;
    this.#onItsWay.add({ kind: 'own unnamed', number: this.#expected.next });
    const { unnamedParse } = this.#journal;
    if (unnamedParse === null) this.#own.send(Expected.OwnClose, close('S', ''));
    // Copied: the journal may be told of the next one before this is written.
    else this.#own.parseFrame(Buffer.from(unnamedParse));
    return true;
  }

  // ---- what the server says ----

  /** A Parse or Close was answered well. */
  succeeded(): void {
    if (this.#onItsWay.length === 0) return;
    const { done } = this.#expected;
    this.#pass(done - 1);
    for (const pending of this.#onItsWay.takeBefore(done)) this.#commit(pending);
  }

  /** ReadyForQuery came, with this transaction status. */
  ready(status: number): void {
    this.#retry = null;
    if (this.#isUncertain && status === Status.Idle && this.#expected.outstanding === 0) this.#isChangeOver = true;
    if (this.#onItsWay.length > 0) this.#pass(this.#expected.done);
  }

  /** An ErrorResponse came, and the expected answers know it: how the client must see it; null: as it is; empty: not at all. */
  failed(error: Buffer): Buffer | null {
    const { failedAt, done } = this.#expected;
    if (failedAt < 0) return null;
    this.#pass(failedAt);
    const lost = this.#onItsWay.takeBefore(done);
    const failed = lost[0]?.number === failedAt ? lost[0] : null;
    for (const pending of lost.toReversed()) {
      this.#undo(pending);
      if (pending.kind === 'unnamed' && pending !== failed) this.#restoreUnnamed(pending);
    }
    if (failed?.kind === 'unnamed') this.#ownsUnnamed();
    if (failed?.kind === 'own unnamed' && this.#here !== null) this.#here.unnamedOwner = null;
    // A Parse that fails has taken the old statement away all the same.
    const next = this.#onItsWay.changeAfter(failedAt);
    if (this.#unnamedAt === failedAt) this.#journal.forgetUnnamed();
    else if (next !== null) next.before = noStatement;
    if (isStalePlan(error)) {
      this.#retire();
      if (this.#sendAgain(failedAt)) return nothing;
    }
    const own = failed !== null && 'name' in failed ? failed.name : null;
    return putBack(error, (label) => own ?? this.#book.nameOf(label) ?? this.#onItsWay.nameOf(label));
  }

  /** See `Retry`; false: that is not possible. */
  #sendAgain(failedAt: number): boolean {
    const retry = this.#retry;
    this.#retry = null;
    if (retry?.number !== failedAt || !this.#expected.isOnlySync || this.#expected.inDoubt) return false;
    this.#expected.ownReady();
    this.#ensure(retry.statement);
    expectAgain(this.#expected, retry.bytes);
    retry.send(Buffer.concat([...this.front.splice(0), retry.bytes]));
    return true;
  }

  /** DISCARD ALL or DEALLOCATE ALL was done. */
  forgotten(): void {
    this.#unsettled.clear();
    this.#book.clear();
    this.#here?.clear();
  }

  /** The unnamed statement that just passed is too large to be kept. */
  unnamedTooLarge(): void {
    this.#watch.uncarried('its unnamed statement is too large to be carried');
  }

  /** Now it is known what these were parsed under: they are like all others. */
  #settle(): void {
    for (const { name, statement } of this.#book.values())
      if (statement.body !== null && this.#unsettled.has(statement))
        this.#book.replace(name, this.#shared.take(statement.body, this.#under));
    this.#unsettled.clear();
  }

  // ---- what becomes of what was sent ----

  #commit(pending: Pending): void {
    const here = this.#here;
    switch (pending.kind) {
      case 'parse':
        here?.add(pending.statement, pending.generation);
        this.#book.set(pending.name, pending.statement);
        return;
      case 'duplicate':
        // The server did not know the name any more: somebody has deallocated it unseen.
        here?.doubt(this.#shared.taken);
        this.#book.delete(pending.name);
        if (pending.body !== null) this.#book.set(pending.name, this.#shared.take(pending.body, this.#under));
        return;
      case 'close':
        this.#book.delete(pending.name);
        return;
      case 'own parse':
        here?.add(pending.statement, pending.generation);
        return;
      case 'own close':
        here?.delete(pending.statement);
        return;
      case 'own unnamed':
      case 'unnamed':
        this.#ownsUnnamed();
        return;
      case 'use':
        return;
    }
  }

  /** It never was. */
  #undo(pending: Pending): void {
    if (pending.kind === 'parse') this.#shared.release(pending.statement);
  }

  /** What stands in front of this number has no answer that would be told here; or, behind a failed COPY, it has been lost count of. */
  #pass(number: number): void {
    for (const pending of this.#onItsWay.takeBefore(number)) {
      if (pending.kind === 'unnamed') {
        this.#commit(pending);
        continue;
      }
      this.#undo(pending);
      if (pending.kind === 'own unnamed') this.#here?.forgetUnnamed();
      if (pending.kind === 'parse' || pending.kind === 'own parse' || pending.kind === 'own close') this.#here?.doubt(pending.statement);
    }
  }

  /** Its unnamed statement stands on this server connection, or is known to be none. Where it stood before, it may be another one. */
  #ownsUnnamed(): void {
    if (this.#unnamedOn?.unnamedOwner === this) this.#unnamedOn.unnamedOwner = null;
    this.#unnamedOn = this.#here;
    if (this.#here !== null) this.#here.unnamedOwner = this;
  }

  #restoreUnnamed({ number, before, changedAt }: Extract<Pending, { kind: 'unnamed' }>): void {
    if (this.#unnamedAt === number) {
      this.#journal.restoreUnnamed(before);
      this.#unnamedAt = changedAt;
      return;
    }
    // What came behind it is not skipped yet, but may be.
    const next = this.#onItsWay.changeAfter(number);
    if (next !== null) Object.assign(next, { before, changedAt });
  }

  /** What is on its way may fail without what is sent next being skipped. */
  #isOpen(pending: Pending | undefined): boolean {
    return pending !== undefined && pending.number < this.#syncedAt;
  }

  /** Sees to it that the server has the statement; false: whether it has, or how it gets it, is not known yet. */
  #ensure(statement: Statement): boolean {
    const here = this.#here;
    if (here === null) return true;
    if (this.#isOpen(this.#onItsWay.statements.get(statement))) return false;
    if (this.#own.use(here, statement)) return true;
    const { under } = statement;
    const isSame = under === null || (!this.#isUncertain && under.key === this.#under.key);
    if (isSame || this.#expected.mayBeSkipped) {
      this.#own.parse(here, statement, isSame);
      return true;
    }
    // In a transaction or not: that must be known.
    if (this.#expected.next > this.#expected.done) return false;
    if (this.isInTransaction) this.#own.parseUnder(here, statement, under);
    else this.#own.parse(here, statement, false);
    return true;
  }

  /** One of the session's statements has a plan that is of no use any more; all of them are parsed again where they are next used. */
  #retire(): void {
    for (const { statement } of this.#book.values()) statement.generation++;
  }
}
