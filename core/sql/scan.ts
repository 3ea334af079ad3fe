/**
 * The looks at a statement's bytes that every query pays for: no decoding, no allocation. The encoding does not matter, as all
 * that is looked for is ASCII and every client encoding keeps ASCII as it is.
 */
import { commentEnd } from './byte-text.ts';

const common = [
  'SELECT',
  'INSERT',
  'UPDATE',
  'DELETE',
  'MERGE',
  'WITH',
  'VALUES',
  'TABLE',
  'BEGIN',
  'START',
  'COMMIT',
  'END',
  'ROLLBACK',
  'ABORT',
  'SAVEPOINT',
  'RELEASE',
  'SET',
  'RESET',
  'SHOW',
  'DISCARD',
  'PREPARE',
  'EXECUTE',
  'DEALLOCATE',
  'DECLARE',
  'FETCH',
  'MOVE',
  'CLOSE',
  'LISTEN',
  'UNLISTEN',
  'NOTIFY',
  'COPY',
  'LOCK',
  'CALL',
  'DO',
  'CREATE',
  'ALTER',
  'DROP',
  'TRUNCATE',
  'COMMENT',
  'GRANT',
  'REVOKE',
  'EXPLAIN',
  'ANALYZE',
  'VACUUM',
  'CLUSTER',
  'REINDEX',
  'CHECKPOINT',
  'REFRESH',
  'IMPORT',
  'SECURITY',
  'LOAD',
  'REASSIGN',
] as const;

/** A cheap number for a word: its length and first four letters. Distinct enough for the list above (checked by a test). */
function signature(length: number, a: number, b: number, c: number, d: number): number {
  return ((length * 31 + a) * 31 + b) * 961 + c * 31 + d;
}

const interned = new Map<number, string>();
for (const word of common) {
  const letter = (index: number): number => (index < word.length ? word.charCodeAt(index) : 0);
  interned.set(signature(word.length, letter(0), letter(1), letter(2), letter(3)), word);
}

const maxWord = 16;

/**
 * First keyword of a statement, upper case (`SELECT`), after white space, comments and opening parentheses. The common ones
 * cost no allocation; other words come back cut to 16 letters; `''` if there is none.
 */
export function statementKind(bytes: Buffer, start: number, end: number): string {
  const from = skipToWord(bytes, start, end);
  let to = from;
  while (to < end && isLetter(bytes[to] ?? 0)) to++;
  const length = to - from;
  if (length === 0) return '';
  const upper = (index: number): number => (index < length ? (bytes[from + index] ?? 0) & 0xdf : 0);
  const known = interned.get(signature(length, upper(0), upper(1), upper(2), upper(3)));
  if (known !== undefined && matches(bytes, from, known)) return known;
  return bytes.toString('latin1', from, Math.min(to, from + maxWord)).toUpperCase();
}

function matches(bytes: Buffer, from: number, word: string): boolean {
  for (let index = 0; index < word.length; index++) {
    if (((bytes[from + index] ?? 0) & 0xdf) !== word.charCodeAt(index)) return false;
  }
  return true;
}

function skipToWord(bytes: Buffer, at: number, end: number): number {
  while (at < end) {
    const c = bytes[at] ?? 0;
    if (c === 32 || (c >= 9 && c <= 13) || c === 40) {
      at++;
    } else if (c === 45 && bytes[at + 1] === 45) {
      at += 2;
      while (at < end && bytes[at] !== 10 && bytes[at] !== 13) at++;
    } else if (c === 47 && bytes[at + 1] === 42) {
      const past = commentEnd(bytes, at + 2, end);
      at = past < 0 ? end : past;
    } else {
      return at;
    }
  }
  return end;
}

const isLetter = (c: number): boolean => (c >= 97 && c <= 122) || (c >= 65 && c <= 90);
const isDigit = (c: number): boolean => c >= 48 && c <= 57;
const isWordPart = (c: number): boolean => isLetter(c) || isDigit(c) || c === 95 || c === 36 || c >= 128;

/**
 * Whether a text may set a setting with a dot in its name: true for everything in which `customSettingNames` (facts.ts)
 * finds something, and for a few texts more. Quick enough to run on every statement. Only a body that spells the letters of
 * SET as escapes (E'\x53ET …') goes unseen.
 */
export function mentionsCustomSettings(bytes: Buffer, start: number, end: number): boolean {
  for (let at = start; at < end - 2; at++) {
    const c = (bytes[at] ?? 0) | 32;
    if (c === 115) {
      if (((bytes[at + 1] ?? 0) | 32) !== 101 || ((bytes[at + 2] ?? 0) | 32) !== 116) continue;
      if (bytes[at + 3] === 95 ? isConfig(bytes, at + 4, end) : isSetOrReset(bytes, at, start) && namesDotted(bytes, at + 3, end))
        return true;
    } else if (c === 117 && bytes[at + 1] === 38 && bytes[at + 2] === 34) {
      // U&"…" can spell any name.
      return true;
    }
  }
  return false;
}

/** `config` after `set_`. */
function isConfig(bytes: Buffer, at: number, end: number): boolean {
  return at + 6 <= end && matches(bytes, at, 'CONFIG');
}

/** RESET of a custom setting that nobody has set makes it as well. */
function isSetOrReset(bytes: Buffer, at: number, start: number): boolean {
  if (isWord(bytes, at, start)) return true;
  const isReset = at - start >= 2 && ((bytes[at - 1] ?? 0) | 32) === 101 && ((bytes[at - 2] ?? 0) | 32) === 114;
  return isReset && isWord(bytes, at - 2, start);
}

/** Whether a word can begin at `at`: not inside another (OFFSET, RESET), except after an escape such as `\n` in a string. */
function isWord(bytes: Buffer, at: number, start: number): boolean {
  if (at === start) return true;
  const before = bytes[at - 1] ?? 0;
  // A dollar sign is left out: `$$SET …` opens a body. So are digits: servers before 15 read `$1set` as two words.
  return before === 36 || isDigit(before) || !isWordPart(before) || hasBackslash(bytes, at, start);
}

/** An escape is at most ten bytes long (`\U0000000a`). */
function hasBackslash(bytes: Buffer, at: number, start: number): boolean {
  for (let back = at - 1; back >= start && back >= at - 10; back--) if (bytes[back] === 92) return true;
  return false;
}

/** Whether a dot, a quoted name or a comment comes after SET before anything that ends the name. */
function namesDotted(bytes: Buffer, at: number, end: number): boolean {
  if (at < end && isWordPart(bytes[at] ?? 0)) return false;
  for (; at < end; at++) {
    const c = bytes[at];
    if (c === 46 || c === 34 || c === 92) return true;
    if ((c === 47 && bytes[at + 1] === 42) || (c === 45 && bytes[at + 1] === 45)) return true;
    if (c === 61 || c === 59 || c === 39 || c === 40) return false;
  }
  return false;
}
