/**
 * What the prepared-statement names of one session stand for (pooling.md 3.4.6), while its server connection may change at every
 * boundary. What is sent counts at once for what is sent behind it; what the server skips is undone.
 */
import type { ServerConnection } from '../../backend/server-connection.ts';
import { Client } from '../../wire/codes.ts';
import { close } from '../../wire/messages.ts';
import { Expected, type ExpectedAnswers } from '../expected-answers.ts';
import type { SessionJournal } from '../journal.ts';
import type { ClosePending, OwnClosePending, OwnParsePending, ParsePending, Pending } from './pending.ts';
import { PREPARED_LIMIT, type PreparedHere } from './prepared-here.ts';
import { isStalePlan, putBack } from './put-back.ts';
import { expectAgain, isRetryable, type Retry } from './retry.ts';
import type { SharedStatements } from './shared.ts';
import { withName, type ParseContext, type Statement } from './statement.ts';

/** Statement names are told apart by so many bytes (NAMEDATALEN - 1). */
const NAME_BYTES = 63;

const nothing = Buffer.alloc(0);

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

interface Name {
  readonly name: string;
  readonly statement: Statement;
  /** The statement has another name of this session's, too. */
  isAlias: boolean;
}

/** See the head of this file. */
export class StatementNames {
  /** The client's names are the server's: only the unnamed statement needs care. */
  isNative = false;
  /** Statements of this session's that cannot be parsed anywhere else: it must keep its server connection. */
  privateCount = 0;
  /** What the proxy sends in front of the client's message. */
  readonly front: Buffer[] = [];
  readonly #shared: SharedStatements;
  readonly #expected: ExpectedAnswers;
  readonly #journal: SessionJournal;
  readonly #watch: NamesWatch;
  #here: PreparedHere | null = null;
  #under: ParseContext = { key: '', settings: new Map() };
  /** There may be names whose statements were parsed under other settings than the present ones. */
  #hasStrangers = false;
  #isUncertain = false;
  /** What the server has confirmed. */
  readonly #names = new Map<string, Name>();
  readonly #firstNames = new Map<Statement, Name>();
  /** What is on its way, in order; and the last of it by name and by statement. */
  readonly #pending: Pending[] = [];
  readonly #pendingNames = new Map<string, ParsePending | ClosePending>();
  readonly #pendingHere = new Map<Statement, ParsePending | OwnParsePending | OwnClosePending>();
  #pendingUnnamed = -1;
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
    if (under.key === this.#under.key) return;
    this.#under = under;
    this.#hasStrangers = this.#names.size > 0;
  }

  /** These settings may be others by now: what is parsed from here on is this session's alone. */
  uncertain(): void {
    this.#isUncertain = true;
  }

  /** How many statements the session has prepared. */
  get size(): number {
    return this.#names.size;
  }

  /** Its statements by the client's names, in the order they were prepared. */
  prepared(): { readonly name: string; readonly statement: Statement }[] {
    return [...this.#names.values()].map(({ name, statement }) => ({ name, statement }));
  }

  /** What the session has prepared, in the order it was. */
  names(): NamedStatement[] {
    return [...this.#names.values()].map(({ name, statement: { body, under } }) => ({
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
    for (const { statement } of this.#names.values()) {
      if (statement.under === null || statement.under.key === this.#under.key) continue;
      this.#hasStrangers = true;
      if (!here.use(statement)) found.push(statement);
    }
    return found;
  }

  /** The session is over, or its statements have gone elsewhere. What was on its way may or may not have arrived. */
  release(): void {
    for (const pending of this.#pending) {
      if (pending.kind === 'parse') this.#shared.release(pending.statement);
    }
    for (const statement of this.#pendingHere.keys()) this.#here?.doubt(statement);
    this.#pending.length = 0;
    this.#pendingNames.clear();
    this.#pendingHere.clear();
    this.#forgetNames();
    if (this.#here?.unnamedOwner === this) this.#here.unnamedOwner = null;
    this.#here = null;
  }

  // ---- what the client says; false: it must wait for what is on its way ----

  /** The client's Sync is sent next. */
  syncs(): void {
    this.#syncedAt = this.#expected.next;
  }

  /** The statement of a name; null: there is none; undefined: that is not known yet. */
  find(name: string): Statement | null | undefined {
    const key = keyOf(name);
    const pending = this.#pendingNames.get(key);
    if (pending === undefined) return this.#names.get(key)?.statement ?? null;
    if (pending.number < this.#syncedAt) return undefined;
    return pending.kind === 'parse' ? pending.statement : null;
  }

  /** The client's Parse of a free name is sent next: under which statement. `body`: what follows the name; null: too large to keep. */
  parses(name: string, body: Buffer | null): Statement | null {
    const isAlone = body === null || this.#isUncertain;
    const statement = isAlone ? this.#shared.alone(body) : this.#shared.take(body, this.#under);
    const pending = this.#pendingHere.get(statement);
    if (pending !== undefined && pending.number < this.#syncedAt) {
      this.#shared.release(statement);
      return null;
    }
    const isThere = pending === undefined ? this.#here?.has(statement) === true : pending.kind !== 'own close';
    if (isThere) this.#sendClose(statement);
    else this.#makeRoom();
    const own: ParsePending = { kind: 'parse', number: this.#expected.next, name, statement, generation: statement.generation };
    this.#pending.push(own);
    this.#pendingNames.set(keyOf(name), own);
    this.#pendingHere.set(statement, own);
    if (body === null) this.#watch.uncarried('a prepared statement is too large to be carried');
    return statement;
  }

  /** The client's Parse of a taken name is sent next, under a name that is taken on the server as well. */
  duplicates(name: string, body: Buffer | null): Statement | null {
    const { taken } = this.#shared;
    if (!this.#ensure(taken)) return null;
    this.#pending.push({ kind: 'duplicate', number: this.#expected.next, name, body: body === null ? null : Buffer.from(body) });
    return taken;
  }

  /** A message that uses a statement is sent next. */
  uses(name: string, statement: Statement): boolean {
    if (!this.#ensure(statement)) return false;
    const known = this.#names.get(keyOf(name));
    if (known === undefined || known.isAlias || known.name !== name || known.statement !== statement)
      this.#pending.push({ kind: 'use', number: this.#expected.next, name });
    return true;
  }

  /** The client's Close of a name that stands for something is sent next. */
  closes(name: string): void {
    const own: ClosePending = { kind: 'close', number: this.#expected.next, name };
    this.#pending.push(own);
    this.#pendingNames.set(keyOf(name), own);
  }

  /** It cannot be used where the session is, and nowhere else. */
  isGone(statement: Statement): boolean {
    return statement.frame === null && !this.#pendingHere.has(statement) && this.#here?.use(statement) !== true;
  }

  /** A whole cycle of its own has just been sent, outside of a transaction, with nothing in front of it. */
  sent(cycle: Retry): void {
    if (this.#pending.length === 0 && isRetryable(cycle.bytes)) this.#retry = cycle;
  }

  /** Something is sent next that replaces the unnamed statement, or takes it away. */
  changesUnnamed(): void {
    const number = this.#expected.next;
    if (this.#expected.mayBeSkipped) {
      this.#pending.push({ kind: 'unnamed', number, before: this.#journal.saveUnnamed(), changedAt: this.#unnamedAt });
      this.#pendingUnnamed = number;
    } else if (this.#here !== null) {
      this.#here.unnamedOwner = this;
    }
    this.#unnamedAt = number;
  }

  /** A message that uses the unnamed statement is sent next. */
  usesUnnamed(): boolean {
    if (this.#here === null || this.#here.unnamedOwner === this) return true;
    if (this.#pendingUnnamed >= 0) return this.#pendingUnnamed > this.#syncedAt;
    this.#pendingUnnamed = this.#expected.next;
    this.#pending.push({ kind: 'own unnamed', number: this.#pendingUnnamed });
    const { unnamedParse } = this.#journal;
    if (unnamedParse === null) this.#send(Expected.OwnClose, close('S', ''));
    // Copied: the journal may be told of the next one before this is written.
    else this.#sendParse(Buffer.from(unnamedParse));
    return true;
  }

  // ---- what the server says ----

  /** A Parse or Close was answered well. */
  succeeded(): void {
    if (this.#pending.length === 0) return;
    const answered = this.#expected.done - 1;
    this.#pass(answered);
    const first = this.#pending[0];
    if (first === undefined || first.number !== answered) return;
    this.#pending.shift();
    this.#commit(first);
  }

  /** ReadyForQuery came. */
  ready(): void {
    this.#retry = null;
    if (this.#pending.length > 0) this.#pass(this.#expected.done);
  }

  /** An ErrorResponse came, and the expected answers know it: how the client must see it; null: as it is; empty: not at all. */
  failed(error: Buffer): Buffer | null {
    const { failedAt, done } = this.#expected;
    if (failedAt < 0) return null;
    this.#pass(failedAt);
    let count = 0;
    while ((this.#pending[count]?.number ?? done) < done) count++;
    const lost = this.#pending.splice(0, count);
    const failed = lost[0]?.number === failedAt ? lost[0] : null;
    for (const pending of lost.toReversed()) {
      this.#drop(pending);
      if (pending.kind === 'unnamed' && pending !== failed) this.#restoreUnnamed(pending);
    }
    if (failed?.kind === 'unnamed' && this.#here !== null) this.#here.unnamedOwner = this;
    if (failed?.kind === 'own unnamed' && this.#here !== null) this.#here.unnamedOwner = null;
    // A Parse that fails has taken the old statement away all the same.
    if (this.#unnamedAt === failedAt) this.#journal.forgetUnnamed();
    if (isStalePlan(error)) {
      this.#retire();
      if (this.#sendAgain(failedAt)) return nothing;
    }
    const own = failed !== null && 'name' in failed ? failed.name : null;
    return putBack(error, (id) => own ?? this.#nameOf(id));
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
    this.#forgetNames();
    this.#here?.clear();
  }

  /** The unnamed statement that just passed is too large to be kept. */
  unnamedTooLarge(): void {
    this.#watch.uncarried('its unnamed statement is too large to be carried');
  }

  // ---- the proxy's own messages ----

  /** Sees to it that the server has the statement; false: whether it has is not known yet. */
  #ensure(statement: Statement): boolean {
    const here = this.#here;
    if (here === null) return true;
    const pending = this.#pendingHere.get(statement);
    if (pending !== undefined && pending.number < this.#syncedAt) return false;
    if (pending === undefined ? here.use(statement) : pending.kind !== 'own close') return true;
    if (statement.frame === null) return true;
    if (pending === undefined && here.has(statement)) this.#sendClose(statement);
    else this.#makeRoom();
    // Parsed under other settings than its own it is good for this session's next message and for nobody else.
    const isSame = statement === this.#shared.taken || (!this.#isUncertain && statement.under?.key === this.#under.key);
    const generation = isSame ? statement.generation : -1;
    const own: OwnParsePending = { kind: 'own parse', number: this.#expected.next, statement, generation };
    this.#pending.push(own);
    this.#pendingHere.set(statement, own);
    this.#sendParse(statement.frame);
    return true;
  }

  #makeRoom(): void {
    const here = this.#here;
    if (here === null) return;
    for (let over = Math.min(2, here.size + 1 - PREPARED_LIMIT); over > 0; over--) {
      const oldest = here.oldest(this.#pendingHere);
      if (oldest !== null) this.#sendClose(oldest);
    }
  }

  #sendClose(statement: Statement): void {
    const own: OwnClosePending = { kind: 'own close', number: this.#expected.next, statement };
    this.#pending.push(own);
    this.#pendingHere.set(statement, own);
    this.#send(Expected.OwnClose, close('S', statement.serverName.toString('latin1', 0, statement.serverName.length - 1)));
  }

  #sendParse(frame: Buffer): void {
    this.#shared.ownParses++;
    this.#send(Expected.OwnParse, frame);
  }

  #send(kind: typeof Expected.OwnParse | typeof Expected.OwnClose, frame: Buffer): void {
    this.#expected.push(kind);
    this.front.push(frame);
  }

  // ---- what becomes of what was sent ----

  #commit(pending: Pending): void {
    const here = this.#here;
    switch (pending.kind) {
      case 'parse':
        this.#drop(pending, false);
        here?.add(pending.statement, pending.generation);
        this.#name(pending.name, pending.statement);
        return;
      case 'duplicate':
        // The server did not know the name any more: somebody has deallocated it unseen.
        here?.doubt(this.#shared.taken);
        this.#unname(pending.name);
        if (pending.body !== null) this.#name(pending.name, this.#shared.take(pending.body, this.#under));
        return;
      case 'close':
        this.#drop(pending);
        this.#unname(pending.name);
        return;
      case 'own parse':
        this.#drop(pending);
        here?.add(pending.statement, pending.generation);
        return;
      case 'own close':
        this.#drop(pending);
        here?.delete(pending.statement);
        return;
      case 'own unnamed':
      case 'unnamed':
        this.#drop(pending);
        if (here !== null) here.unnamedOwner = this;
        return;
      case 'use':
        return;
    }
  }

  /** It is no longer on its way. `undone`: it never was. */
  #drop(pending: Pending, undone = true): void {
    if (pending.kind === 'parse' || pending.kind === 'close') {
      const key = keyOf(pending.name);
      if (this.#pendingNames.get(key) === pending) this.#pendingNames.delete(key);
    }
    if (pending.kind === 'parse' || pending.kind === 'own parse' || pending.kind === 'own close') {
      if (this.#pendingHere.get(pending.statement) === pending) this.#pendingHere.delete(pending.statement);
    }
    if (pending.kind === 'parse' && undone) this.#shared.release(pending.statement);
    if (this.#pendingUnnamed === pending.number) this.#pendingUnnamed = -1;
  }

  /** What stands in front of this number has no answer that would be told here; or, behind a failed COPY, it has been lost count of. */
  #pass(number: number): void {
    for (let first = this.#pending[0]; first !== undefined && first.number < number; first = this.#pending[0]) {
      this.#pending.shift();
      if (first.kind === 'unnamed') {
        this.#commit(first);
        continue;
      }
      this.#drop(first);
      if (first.kind === 'own unnamed') this.#here?.forgetUnnamed();
      if (first.kind === 'parse' || first.kind === 'own parse' || first.kind === 'own close') this.#here?.doubt(first.statement);
    }
  }

  #restoreUnnamed({ number, before, changedAt }: Extract<Pending, { kind: 'unnamed' }>): void {
    if (this.#unnamedAt !== number) return;
    this.#journal.restoreUnnamed(before);
    this.#unnamedAt = changedAt;
  }

  #name(name: string, statement: Statement): void {
    const first = this.#firstNames.get(statement);
    const own: Name = { name, statement, isAlias: first !== undefined };
    if (first === undefined) this.#firstNames.set(statement, own);
    else first.isAlias = true;
    this.#names.set(keyOf(name), own);
    if (statement.isPrivate) this.privateCount++;
  }

  #unname(name: string): void {
    const key = keyOf(name);
    const own = this.#names.get(key);
    if (own === undefined) return;
    this.#names.delete(key);
    // With other names left, the next one is to be known as an alias.
    if (!own.isAlias) this.#firstNames.delete(own.statement);
    if (own.statement.isPrivate) this.privateCount--;
    this.#shared.release(own.statement);
  }

  #forgetNames(): void {
    for (const { statement } of this.#names.values()) this.#shared.release(statement);
    this.#names.clear();
    this.#firstNames.clear();
    this.privateCount = 0;
  }

  /** The client's name for a statement, wherever it may be found. */
  #nameOf(id: number): string | null {
    for (const { name, statement } of this.#names.values()) if (statement.id === id) return name;
    for (const pending of this.#pending) if (pending.kind === 'parse' && pending.statement.id === id) return pending.name;
    return null;
  }

  /** One of the session's statements has a plan that is of no use any more; all of them are parsed again where they are next used. */
  #retire(): void {
    for (const { statement } of this.#names.values()) statement.generation++;
  }
}

function keyOf(name: string): string {
  return name.length > NAME_BYTES ? name.slice(0, NAME_BYTES) : name;
}
