/**
 * What the proxy must remember of a session because SQL cannot give it back (postgres-session-state.md 2.1): the unnamed
 * statement, names of custom settings, type OIDs the client has seen. Journalling is advisory: the catalog capture decides,
 * the journal fills its gaps.
 */
import { Client, HEADER_BYTES } from '../wire/codes.ts';
import { digest } from '../sql/digest.ts';
import { Effect, effectsOf } from '../sql/effects.ts';
import type { HeldNotes } from './held-notes.ts';
import { customSettingNames, mentionsCustomSettings, statementKind } from '../sql/facts.ts';

/** User-defined types, and those of information_schema, start here: their OIDs differ between servers. */
export const FIRST_UNSTABLE_OID = 10_000;
/** Longest unnamed Parse kept, in bytes. A longer one blocks a move until the client replaces it. */
export const UNNAMED_LIMIT = 1024 * 1024;
const MAX_NAMES = 500;
const MAX_OIDS = 2_000;

/** A session's unnamed statement, as the journal knows it. */
export interface UnnamedStatement {
  readonly frame: Buffer | null;
  readonly tooLarge: number;
  readonly effects: number;
}

/** Kinds of statements in which nothing is looked up or folded by their Parse. */
const MEANS_ALWAYS_THE_SAME = new Set(
  'SET RESET SHOW DISCARD BEGIN START COMMIT END ROLLBACK ABORT SAVEPOINT RELEASE LISTEN UNLISTEN NOTIFY DEALLOCATE CLOSE FETCH MOVE LOAD'.split(
    ' ',
  ),
);
/** What may be the name of a custom setting, among a function's arguments. */
const DOTTED_NAME = /[A-Za-z_][\w$]*(?:\.[A-Za-z_][\w$]*)+/g;
/** A `SessionJournal.unnamedKey` for any settings. */
export const ALWAYS = '*';

/** See the head of this file. One per session, for its whole life. */
export class SessionJournal {
  /** First keyword of the last statement; empty before the first. */
  kind = '';
  /** Candidate names of custom settings (`a.b`), as the client wrote them, lower case. */
  readonly customNames = new Set<string>();
  /** `set_config` was called with a name the proxy cannot know: there may be settings that no move would carry. */
  dynamicCustomSetting = false;
  /** OIDs of unstable types the client has sent or been sent. */
  readonly unstableTypes = new Set<number>();
  /** More types or larger messages than are kept: what is in `unstableTypes` may not be all. */
  typesIncomplete = false;
  /** `standard_conforming_strings` was off at some time: texts of statements may mean something else when parsed again. */
  nonConformingStrings = false;
  /** The server skipped something that would have changed the unnamed statement: the one it has is not known. */
  unnamedUncertain = false;
  /** An error came since its Parse, on a server of which it is not known whether a failed Parse leaves the former one (CockroachDB). */
  unnamedDoubted = false;
  /** Size of the current unnamed statement when it is too large to keep; else 0. */
  unnamedTooLarge = 0;
  /** How closely statements are looked at for what they may do to the session; null: not at all (session mode). */
  watch: 'strict' | 'compatible' | null = null;
  /** Called when a statement passes that may change a setting, be it only for the transaction. */
  onSettings: (() => void) | null = null;
  /** Identity of the settings that a Parse depends on; null: not known for certain. And that of the unnamed statement's Parse. */
  parseKey: string | null = null;
  unnamedKey: string | null = null;
  /** The client's statements stand on the server under their own names: making and closing them changes the session's state. */
  ownNames = false;
  /** The statement to which the effects since `takeEffects` are due, its constants left out. */
  suspect: string | null = null;
  /** What the server would let go without a word; null: it is told by its catalogs (PostgreSQL). */
  held: HeldNotes | null = null;
  #effects = 0;
  #unnamedEffects = 0;
  /** Effects of named statements that have any. */
  readonly #effectsOfNamed = new Map<string, number>();
  #unnamed: Buffer | null = null;
  #unnamedLength = 0;
  /** Statements whose set_config takes the setting's name as a parameter: name -> parameter numbers. */
  readonly #boundNames = new Map<string, readonly number[]>();

  constructor(startupNames: Iterable<string>) {
    for (const name of startupNames) this.#addName(name);
  }

  /** The complete Parse frame of the current unnamed statement; null when there is none (or `unnamedTooLarge`). */
  get unnamedParse(): Buffer | null {
    return this.#unnamed === null || this.#unnamedLength === 0 ? null : this.#unnamed.subarray(0, this.#unnamedLength);
  }

  /** True while Bind messages need a look. */
  get watchesBinds(): boolean {
    return this.#boundNames.size > 0 || this.#unnamedEffects !== 0 || this.#effectsOfNamed.size > 0;
  }

  /** What the client's statements may have done since this was last asked (`Effect`). */
  takeEffects(): number {
    const effects = this.#effects;
    this.#effects = 0;
    return effects;
  }

  /** The same, without forgetting it. */
  peekEffects(): number {
    return this.#effects;
  }

  /** Whether a Query or Parse, `bytes[start, end)` with its header, speaks of statements by the names that the client has given them. */
  speaksOfNames(type: number, bytes: Buffer, start: number, end: number): boolean {
    if (this.watch === null) return false;
    const textStart = type === Client.Query ? start + HEADER_BYTES : bytes.indexOf(0, start + HEADER_BYTES) + 1;
    const textEnd = bytes.indexOf(0, textStart);
    if (textEnd < 0 || textEnd >= end) return false;
    return (effectsOf(bytes, textStart, textEnd, this.watch) & Effect.Names) !== 0;
  }

  /** A FunctionCall passes, `length` bytes from `start` on, of which the first are at hand: what it calls is a number. */
  functionCall(bytes: Buffer, start: number, length: number): void {
    if (this.watch === null) return;
    this.#effects |= Effect.State | Effect.Settings | Effect.Write;
    this.onSettings?.();
    for (const [name] of bytes.toString('latin1', start, Math.min(start + length, bytes.length)).matchAll(DOTTED_NAME)) this.#addName(name);
  }

  /** A Query passes: `bytes[start, end)` is its SQL text; `complete` false when only its beginning is at hand. */
  query(bytes: Buffer, start: number, end: number, complete: boolean): void {
    this.kind = statementKind(bytes, start, end);
    this.#forgetUnnamed();
    this.held?.note(bytes, start, end);
    if (this.watch !== null) this.#effects |= this.#look(bytes, start, end, complete);
    if (mentionsCustomSettings(bytes, start, end)) this.#learnNames(bytes.toString('utf8', start, end), null);
  }

  /** A Parse passes: `bytes[start, end)` is the frame with its header; `complete` false when only its beginning is at hand. */
  parse(bytes: Buffer, start: number, end: number, length: number, complete: boolean): void {
    const nameStart = start + 5;
    const nameEnd = bytes.indexOf(0, nameStart);
    if (nameEnd < 0 || nameEnd >= end) return;
    let textEnd = bytes.indexOf(0, nameEnd + 1);
    if (textEnd < 0 || textEnd > end) textEnd = end;
    this.kind = statementKind(bytes, nameEnd + 1, textEnd);
    this.held?.note(bytes, nameEnd + 1, textEnd);
    const unnamed = nameEnd === nameStart;
    if (unnamed) this.#keepUnnamed(bytes, start, end, length, complete);
    if (this.watch !== null)
      this.#noteParsed(unnamed ? null : bytes.toString('latin1', nameStart, nameEnd), this.#look(bytes, nameEnd + 1, textEnd, complete));
    if (mentionsCustomSettings(bytes, nameEnd + 1, textEnd)) {
      this.#learnNames(bytes.toString('utf8', nameEnd + 1, textEnd), bytes.toString('utf8', nameStart, nameEnd));
    } else if (this.#boundNames.size > 0) {
      this.#boundNames.delete(bytes.toString('utf8', nameStart, nameEnd));
    }
    if (complete && textEnd + 3 <= end) {
      const count = bytes.readUInt16BE(textEnd + 1);
      for (let i = 0, at = textEnd + 3; i < count && at + 4 <= end; i++, at += 4) this.#type(bytes.readUInt32BE(at));
    }
  }

  /** A Bind passes (only asked for while `watchesBinds`). */
  bind(bytes: Buffer, start: number, end: number): void {
    const portalEnd = bytes.indexOf(0, start + 5);
    const nameEnd = bytes.indexOf(0, portalEnd + 1);
    if (portalEnd < 0 || nameEnd < 0 || nameEnd >= end) return;
    const isUnnamed = nameEnd === portalEnd + 1;
    const effects = isUnnamed ? this.#unnamedEffects : (this.#effectsOfNamed.get(bytes.toString('latin1', portalEnd + 1, nameEnd)) ?? 0);
    this.#effects |= effects;
    if ((effects & Effect.Settings) !== 0) this.onSettings?.();
    const wanted = this.#boundNames.get(bytes.toString('utf8', portalEnd + 1, nameEnd));
    if (wanted === undefined) return;
    let at = nameEnd + 1;
    if (at + 2 > end) return;
    at += 2 + 2 * bytes.readUInt16BE(at);
    if (at + 2 > end) return;
    const count = bytes.readUInt16BE(at);
    at += 2;
    for (let number = 1; number <= count && at + 4 <= end; number++) {
      const length = bytes.readInt32BE(at);
      at += 4;
      if (length < 0) continue;
      // Text and binary format of a text parameter are the same bytes.
      if (wanted.includes(number)) this.#addName(bytes.toString('utf8', at, Math.min(at + length, end)));
      at += length;
    }
  }

  /** A Close passes. */
  close(bytes: Buffer, start: number, end: number): void {
    const isUnnamedStatement = end - start === 7 && bytes[start + 5] === 0x53;
    if (isUnnamedStatement) this.#forgetUnnamed();
    else if (this.ownNames && bytes[start + 5] === 0x53) this.#effects |= Effect.State;
  }

  /** A RowDescription passes: `bytes[start, end)` is its body. */
  rowDescription(bytes: Buffer, start: number, end: number): void {
    let at = start + 2;
    while (at < end) {
      while (at < end && bytes[at] !== 0) at++;
      if (at + 11 > end) return;
      // zero byte, table OID (4), column number (2), then the type's OID
      this.#type(bytes.readUInt32BE(at + 7));
      at += 19;
    }
  }

  /** A ParameterDescription passes: `bytes[start, end)` is its body. */
  parameterDescription(bytes: Buffer, start: number, end: number): void {
    for (let at = start + 2; at + 4 <= end; at += 4) this.#type(bytes.readUInt32BE(at));
  }

  /** Forgets the unnamed statement: the server says there is none. */
  forgetUnnamed(): void {
    this.#forgetUnnamed();
  }

  /** The unnamed statement, for the case that what replaces it is skipped. */
  saveUnnamed(): UnnamedStatement {
    const frame = this.unnamedParse;
    return { frame: frame === null ? null : Buffer.from(frame), tooLarge: this.unnamedTooLarge, effects: this.#unnamedEffects };
  }

  /** What seemed to replace it was skipped. */
  restoreUnnamed({ frame, tooLarge, effects }: UnnamedStatement): void {
    this.#forgetUnnamed();
    if (frame !== null) this.#keepUnnamed(frame, 0, frame.length, frame.length, true);
    this.unnamedTooLarge = tooLarge;
    this.#unnamedEffects = effects;
  }

  #look(bytes: Buffer, start: number, end: number, complete: boolean): number {
    let effects = effectsOf(bytes, start, end, this.watch ?? 'strict');
    if (!complete) effects |= Effect.State | Effect.Settings;
    if ((effects & Effect.State) !== 0) this.suspect = digest(bytes, start, end);
    if ((effects & Effect.Settings) !== 0) this.onSettings?.();
    return effects;
  }

  #noteParsed(name: string | null, effects: number): void {
    this.#effects |= effects;
    if (name === null) {
      this.#unnamedEffects = effects;
      return;
    }
    if (this.ownNames) this.#effects |= Effect.State;
    if (effects === 0) this.#effectsOfNamed.delete(name);
    else this.#effectsOfNamed.set(name, effects);
  }

  #forgetUnnamed(): void {
    this.#unnamedEffects = 0;
    this.#unnamedLength = 0;
    this.unnamedUncertain = false;
    this.unnamedDoubted = false;
    this.unnamedTooLarge = 0;
  }

  #keepUnnamed(bytes: Buffer, start: number, end: number, length: number, complete: boolean): void {
    this.#forgetUnnamed();
    if (!complete || length > UNNAMED_LIMIT) {
      this.unnamedTooLarge = length;
      return;
    }
    // Copied into a buffer of the session's own: keeping the frame itself would keep the whole chunk it came in.
    if (this.#unnamed === null || this.#unnamed.length < length)
      this.#unnamed = Buffer.allocUnsafeSlow(Math.max(256, 2 ** Math.ceil(Math.log2(length))));
    this.#unnamedLength = bytes.copy(this.#unnamed, 0, start, end);
    this.unnamedKey = MEANS_ALWAYS_THE_SAME.has(this.kind) ? ALWAYS : this.parseKey;
  }

  #learnNames(sql: string, statement: string | null): void {
    const found = customSettingNames(sql);
    for (const name of found.names) this.#addName(name);
    if (found.dynamic) this.dynamicCustomSetting = true;
    if (found.boundParameters.length > 0) {
      if (statement === null) this.dynamicCustomSetting = true;
      else if (this.#boundNames.size < MAX_NAMES) this.#boundNames.set(statement, found.boundParameters);
      else this.dynamicCustomSetting = true;
    }
  }

  #addName(name: string): void {
    if (!name.includes('.') || name.length > 200) return;
    if (this.customNames.size < MAX_NAMES) this.customNames.add(name.toLowerCase());
    else this.dynamicCustomSetting = true;
  }

  #type(oid: number): void {
    if (oid < FIRST_UNSTABLE_OID || this.unstableTypes.has(oid)) return;
    if (this.unstableTypes.size < MAX_OIDS) this.unstableTypes.add(oid);
    else this.typesIncomplete = true;
  }
}
