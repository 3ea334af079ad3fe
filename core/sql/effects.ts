/**
 * A quick look at a statement's bytes that tells whether it may change the state of its session. Runs on every Query and Parse of a
 * session in transaction mode: one pass, no decoding, no allocation.
 *
 * It errs on one side only: an effect that is not there may be reported, one that is there must be. Where the bytes can be read in two
 * ways (a backslash before a quote, whose meaning hangs on standard_conforming_strings; the second byte of a character in SJIS and its
 * like; a text that ends inside a string) every word of the text counts, wherever it stands.
 *
 * What no reader of one statement can see stays unseen: triggers and defaults (hence `Write`), views, operators and casts that users have
 * made, names put together at run time. An unqualified function name is taken for pg_catalog's, if there is one.
 */
import { commentEnd, dollarStringEnd, escapedStringEnd, Kind, kinds, quotedEnd, stringEnd, wordParts } from './byte-text.ts';
import {
  anyName,
  Effect,
  findWord,
  hashStep,
  Id,
  ID_SHIFT,
  isTemporarySchema,
  leadEffects,
  lookUp,
  startsWith,
  STRICT_ONLY,
  WordBit,
  wordBits,
} from './effect-words.ts';
import { wordsAnywhere } from './words-anywhere.ts';

export { Effect } from './effect-words.ts';

const { State, Settings, Names, SequenceUse, Sticky, Write, ForgetStatements } = Effect;
const anything = State | Settings | Write;

/** What a token is to the one after it; below `ID_SHIFT`, beside `WordBit`. */
const Token = {
  /** Unquoted or quoted. */
  Name: 1 << 12,
  Quoted: 1 << 13,
  /** Ends a value: a constant, a name that is no keyword, a closing bracket. */
  Operand: 1 << 14,
  Close: 1 << 15,
  Cast: 1 << 16,
  Dot: 1 << 17,
  Text: 1 << 18,
  /** The first word of a statement. */
  Lead: 1 << 19,
} as const;

/** How far a SET has been read. */
const Setting = { None: 0, Scope: 1, LocalName: 2, Transaction: 3, Value: 4 } as const;

/** What a second byte of a character can be outside letters and digits (SJIS, BIG5, GBK, UHC, JOHAB, GB18030). */
const mayTrail = new Uint8Array(256);
for (const c of Buffer.from('@[\\]^`{|}~')) mayTrail[c] = 1;

const quote = 39;
const doubleQuote = 34;
const dollar = 36;

/**
 * The effects that `bytes[start, end)`, the text of a Query or Parse, may have (`Effect`). In profile `strict` every call of a function
 * that is not known to be harmless counts, in `compatible` only those of functions known to touch the session.
 */
export function effectsOf(bytes: Buffer, start: number, end: number, profile: 'strict' | 'compatible'): number {
  const strict = profile === 'strict';
  const effects = scan(bytes, start, end, strict);
  if (effects >= 0) return effects;
  return anything | wordsAnywhere(bytes, start, end, true);
}

/** The effects, or -1 if the text can be read in two ways. */
function scan(bytes: Buffer, start: number, end: number, strict: boolean): number {
  let effects = 0;
  /** The statement's first word (`Id`), -1 before it. */
  let lead = -1;
  /** EXPLAIN came, the statement that it explains has not. */
  let explains = false;
  let setting: number = Setting.None;
  /** The token before, and the one before the (qualified) name that it may be. */
  let previous = 0;
  let before = 0;
  /** Of a name: 0 unqualified, 1 by pg_catalog, 2 by anything else. */
  let qualified = 0;
  let depth = 0;
  /** A call may follow a closing parenthesis: DISTINCT ON (…), OPERATOR(…), RETURNING WITH (…). */
  let callsAfterClose = false;
  /** ON CONFLICT for which no DO came: then it was a function in the condition of a join. */
  let conflicts = 0;
  /** PREPARE that was not PREPARE TRANSACTION. */
  let prepares = 0;
  let hasBody = false;
  let callsSetConfig = false;
  let viewsSettings = false;
  /** A string may be the name of a setting that nothing carries. */
  let namesSticky = false;

  for (let at = start; at < end;) {
    const c = bytes[at] ?? 0;
    const kind = kinds[c] ?? 0;
    if (kind === Kind.Space) {
      at++;
    } else if (kind === Kind.Word) {
      const from = at;
      let hash = hashStep(0, c);
      for (at++; at < end; at++) {
        const next = bytes[at] ?? 0;
        if (wordParts[next] !== 1) break;
        hash = hashStep(hash, next);
      }
      const after = at < end ? (bytes[at] ?? 0) : 0;
      if (mayTrail[after] === 1 && (bytes[at - 1] ?? 0) >= 128) return -1;
      if (at - from === 1) {
        if (after === quote && (c | 32) === 101) {
          at = escapedStringEnd(bytes, at + 1, end);
          if (at < 0) return -1;
          // Escapes can spell any name.
          namesSticky = true;
          previous = Token.Operand | Token.Text;
          continue;
        }
        if (after === 38 && (c | 32) === 117 && at + 1 < end) {
          if (bytes[at + 1] === doubleQuote) effects |= anyName;
          else if (bytes[at + 1] === quote) namesSticky = true;
        }
      }
      const index = findWord(bytes, from, at, hash);
      const bits = index < 0 ? 0 : wordBits(index);
      const id = bits >> ID_SHIFT;
      effects |= bits & 255;
      if (index < 0 && isTemporarySchema(bytes, from, at)) effects |= State;
      if ((previous & Token.Dot) === 0) {
        before = previous;
        qualified = 0;
      }
      const isFirst = lead < 0;
      if (isFirst) {
        const does = index < 0 ? -1 : leadEffects(index);
        if (!explains || (does >= 0 && id !== Id.analyze && id !== Id.analyse)) {
          if (does > 0) effects |= does & 255;
          if (strict && (does < 0 || (does & STRICT_ONLY) !== 0)) effects |= State | Settings;
          explains = id === Id.explain;
          if (!explains) lead = id;
          if (id === Id.set) setting = Setting.Scope;
          else if (id === Id.do) hasBody = true;
          else if (id === Id.prepare) prepares++;
        }
      } else if (setting !== Setting.None) {
        if (id === Id.seed || id === Id.session_authorization || id === Id.authorization) effects |= State | Settings | Sticky;
        if (setting === Setting.Scope) {
          if (id === Id.transaction || id === Id.constraints) {
            setting = Setting.Transaction;
          } else {
            setting = id === Id.local ? Setting.LocalName : Setting.Value;
            effects |= id === Id.local ? Settings : State | Settings;
          }
        } else if (setting === Setting.LocalName) {
          if (id === Id.to) setting = Setting.Value;
          else if (id === Id.session) effects |= State;
        }
      } else if (id !== 0) {
        const earlier = previous >> ID_SHIFT;
        switch (id) {
          case Id.set_config:
            callsSetConfig = true;
            break;
          case Id.pg_settings:
            viewsSettings = true;
            break;
          case Id.hold:
            if (lead === Id.declare) effects |= State;
            break;
          case Id.into:
            if (earlier !== Id.insert && earlier !== Id.merge) effects |= State | Write;
            break;
          case Id.update:
            if (earlier !== Id.for && earlier !== Id.key) effects |= Write;
            break;
          case Id.execute:
            // CREATE TABLE … AS EXECUTE
            if (earlier === Id.as) effects |= anything | Names;
            break;
          case Id.all:
            if (lead === Id.deallocate || lead === Id.discard) effects |= ForgetStatements;
            break;
          case Id.sequences:
            if (lead === Id.discard) effects |= SequenceUse;
            break;
          case Id.conflict:
            if (earlier === Id.on) conflicts++;
            break;
          case Id.do:
            conflicts--;
            break;
          default:
        }
      }
      previous = bits | Token.Name | ((bits & WordBit.Keyword) === 0 ? Token.Operand : 0) | (isFirst ? Token.Lead : 0);
    } else if (kind === Kind.Digit) {
      while (at < end && (kinds[bytes[at] ?? 0] === Kind.Digit || bytes[at] === 46)) at++;
      previous = Token.Operand;
    } else if (c === 40) {
      if ((previous & Token.Name) !== 0) {
        if (strict && isUnknownCall(previous, before, qualified, lead, depth, callsAfterClose)) effects |= anything;
        const id = previous >> ID_SHIFT;
        const earlier = before >> ID_SHIFT;
        if (id === Id.operator || (id === Id.on && earlier === Id.distinct) || (id === Id.with && earlier === Id.returning))
          callsAfterClose = true;
      }
      depth++;
      previous = 0;
      at++;
    } else if (c === 41) {
      depth--;
      previous = Token.Close;
      at++;
    } else if (c === quote) {
      const from = at + 1;
      at = stringEnd(bytes, from, end);
      if (at < 0) return -1;
      if (previous >> ID_SHIFT === Id.transaction && before >> ID_SHIFT === Id.prepare && (before & Token.Lead) !== 0) prepares--;
      // One string may stand on two lines.
      if ((previous & Token.Text) !== 0 || isStickySetting(bytes, from, at - 1)) namesSticky = true;
      previous = Token.Operand | Token.Text;
    } else if (c === doubleQuote) {
      const from = at + 1;
      at = quotedEnd(bytes, from, end);
      if (at < 0) return -1;
      const index = lookUp(bytes, from, at - 1);
      const bits = index < 0 ? 0 : wordBits(index);
      const id = bits >> ID_SHIFT;
      if ((bits & WordBit.Keyword) === 0) effects |= bits & 255;
      if (index < 0 && isTemporarySchema(bytes, from, at)) effects |= State;
      if (id === Id.set_config) callsSetConfig = true;
      else if (id === Id.pg_settings) viewsSettings = true;
      if ((previous & Token.Dot) === 0) {
        before = previous;
        qualified = 0;
      }
      if (setting === Setting.Scope || setting === Setting.LocalName) {
        // The name may have a dot in it.
        effects |= id === Id.seed || id === Id.session_authorization ? State | Settings | Sticky : State | Settings;
        setting = Setting.Value;
      }
      previous = Token.Name | Token.Quoted | Token.Operand;
      if (isPlainLowerCase(bytes, from, at - 1)) previous |= (bits & WordBit.Known) | (id === Id.pg_catalog ? id << ID_SHIFT : 0);
    } else if (c === 59) {
      lead = -1;
      explains = false;
      setting = Setting.None;
      previous = 0;
      depth = 0;
      at++;
    } else if (c === 46) {
      if (setting === Setting.LocalName || setting === Setting.Transaction) effects |= State | Settings;
      const isName = (previous & Token.Name) !== 0;
      if (!isName) before = previous;
      qualified = isName && qualified === 0 && previous >> ID_SHIFT === Id.pg_catalog ? 1 : 2;
      previous = Token.Dot;
      at++;
    } else if (c === 45 && at + 1 < end && bytes[at + 1] === 45) {
      while (at < end && bytes[at] !== 10 && bytes[at] !== 13) at++;
    } else if (c === 47 && at + 1 < end && bytes[at + 1] === 42) {
      at = commentEnd(bytes, at + 2, end);
      if (at < 0) return -1;
    } else if (c === dollar) {
      const close = dollarStringEnd(bytes, at, end);
      if (close < 0) return -1;
      at = close === 0 ? at + 1 : close;
      if (close !== 0) namesSticky = true;
      previous = close === 0 ? 0 : Token.Operand | Token.Text;
    } else if (c === 58 && at + 1 < end && bytes[at + 1] === 58) {
      previous = Token.Cast;
      at += 2;
    } else {
      if (c === 61 && setting === Setting.LocalName) setting = Setting.Value;
      previous = c === 93 ? Token.Operand : 0;
      at++;
    }
  }
  if (strict && conflicts > 0) effects |= anything;
  if (prepares > 0) effects |= Names;
  if (viewsSettings && (effects & Write) !== 0) {
    // What is written to the view is set.
    effects |= State | Settings;
    callsSetConfig = true;
  }
  if (callsSetConfig && namesSticky) effects |= Sticky;
  return hasBody ? effects | wordsAnywhere(bytes, start, end, false) : effects;
}

/** Whether a name before a parenthesis is a call of a function that is not known to be harmless. */
function isUnknownCall(name: number, before: number, qualified: number, lead: number, depth: number, callsAfterClose: boolean): boolean {
  if (qualified < 2 && (name & WordBit.Known) !== 0) return false;
  const earlier = before >> ID_SHIFT;
  // A table and its columns, a type and its width.
  if ((before & (WordBit.NamesNext | Token.Cast)) !== 0 || (earlier === Id.copy && (before & Token.Lead) !== 0)) return false;
  if (qualified > 0 || (name & Token.Quoted) !== 0) return true;
  if ((name & (WordBit.Never | Token.Lead)) !== 0) return false;
  const afterClose = (before & Token.Close) !== 0 && !callsAfterClose;
  const afterOperand = afterClose || (before & Token.Operand) !== 0;
  switch (name >> ID_SHIFT) {
    case Id.over:
    case Id.filter:
      return !afterClose;
    case Id.operator:
      return !afterOperand;
    case Id.join:
    case Id.ilike:
      return !afterOperand && !joins.has(earlier);
    case Id.set:
      return earlier !== Id.update && (before & Token.Operand) === 0;
    case Id.conflict:
      return earlier !== Id.on;
    case Id.by:
      return earlier !== Id.order && earlier !== Id.group && earlier !== Id.partition;
    case Id.sets:
      return earlier !== Id.grouping;
    case Id.rollup:
    case Id.cube:
      return earlier !== Id.by;
    case Id.varying:
      return earlier !== Id.character && earlier !== Id.char && earlier !== Id.nchar && earlier !== Id.bit;
    case Id.zone:
      return earlier !== Id.time;
    case Id.stdin:
    case Id.stdout:
      return lead !== Id.copy || depth > 0;
    default:
      return true;
  }
}

const joins = new Set([Id.left, Id.right, Id.full, Id.inner, Id.outer, Id.cross, Id.natural]);

function isPlainLowerCase(bytes: Buffer, from: number, to: number): boolean {
  for (let at = from; at < to; at++) {
    const c = bytes[at] ?? 0;
    if ((c < 97 || c > 122) && (c < 48 || c > 57) && c !== 95) return false;
  }
  return true;
}

function isStickySetting(bytes: Buffer, from: number, to: number): boolean {
  return stickySettings.some((name) => name.length === to - from && startsWith(bytes, from, name));
}

const stickySettings = [Buffer.from('seed'), Buffer.from('session_authorization')];
