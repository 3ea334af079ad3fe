/**
 * Where constants, quoted names and comments end in bytes whose encoding is not known, only that it keeps ASCII. Each answers the
 * position after its end, or -1 when the text ends before it or two readings are possible: a backslash before a quote means what
 * standard_conforming_strings says, and may be the second byte of a character (SJIS and its like).
 */

const quote = 39;
const doubleQuote = 34;
const backslash = 92;
const dollar = 36;

/** Kinds of bytes: of `kinds`, where 0 is an operator or anything else. */
export const Kind = { Word: 1, Digit: 2, Space: 3, Mark: 4 } as const;
/** The kind of every byte. */
export const kinds = new Uint8Array(256);
for (let c = 0; c < 256; c++) {
  const isLetter = (c >= 97 && c <= 122) || (c >= 65 && c <= 90);
  if (isLetter || c === 95 || c >= 128) kinds[c] = Kind.Word;
  else if (c >= 48 && c <= 57) kinds[c] = Kind.Digit;
  else if (c === 32 || (c >= 9 && c <= 13)) kinds[c] = Kind.Space;
  else if ('\'"();.:$-/[]='.includes(String.fromCharCode(c))) kinds[c] = Kind.Mark;
}
/** 1 for what a word can go on with: letters, digits, `_`, `$`. */
export const wordParts = kinds.map((kind, c) => (kind === Kind.Word || kind === Kind.Digit || c === 36 ? 1 : 0));

const isTagPart = (c: number): boolean => (c >= 97 && c <= 122) || (c >= 65 && c <= 90) || c === 95 || (c >= 48 && c <= 57);

/** `at`: after the opening quote of a plain string. */
export function stringEnd(bytes: Buffer, at: number, end: number): number {
  const start = at;
  for (; at < end; at++) {
    if (bytes[at] !== quote) continue;
    if (bytes[at - 1] === backslash && isAmbiguous(bytes, start, at)) return -1;
    if (at + 1 === end || bytes[at + 1] !== quote) return at + 1;
    at++;
  }
  return -1;
}

/** Whether the backslashes before `at` make it an escaped character in one reading. */
function isAmbiguous(bytes: Buffer, start: number, at: number): boolean {
  let first = at;
  while (first > start && bytes[first - 1] === backslash) first--;
  return (at - first) % 2 === 1 || (first > start && (bytes[first - 1] ?? 0) >= 128);
}

/** `at`: after the opening quote of an E'' string. */
export function escapedStringEnd(bytes: Buffer, at: number, end: number): number {
  for (; at < end; at++) {
    const c = bytes[at];
    if (c === backslash) {
      if ((bytes[at - 1] ?? 0) >= 128) return -1;
      at++;
    } else if (c === quote) {
      if (at + 1 >= end || bytes[at + 1] !== quote) return at + 1;
      at++;
    }
  }
  return -1;
}

/** `at`: after the opening quote of a name. */
export function quotedEnd(bytes: Buffer, at: number, end: number): number {
  for (; at < end; at++) {
    if (bytes[at] !== doubleQuote) continue;
    if (at + 1 >= end || bytes[at + 1] !== doubleQuote) return at + 1;
    at++;
  }
  return -1;
}

/** `at`: after the opening of a block comment. They nest. */
export function commentEnd(bytes: Buffer, at: number, end: number): number {
  for (let depth = 1; at < end - 1; at++) {
    if (bytes[at] === 42 && bytes[at + 1] === 47) {
      at++;
      if (--depth === 0) return at + 1;
    } else if (bytes[at] === 47 && bytes[at + 1] === 42) {
      at++;
      depth++;
    }
  }
  return -1;
}

/** `at`: of a dollar sign that is in no name. The end of the string that it opens, or 0 when it opens none. */
export function dollarStringEnd(bytes: Buffer, at: number, end: number): number {
  let tag = at + 1;
  const first = bytes[tag] ?? 0;
  if (first >= 48 && first <= 57) return 0;
  while (tag < end && isTagPart(bytes[tag] ?? 0)) tag++;
  if (tag >= end) return 0;
  // What may be in a tag besides hangs on the encoding.
  if ((bytes[tag] ?? 0) >= 128) return -1;
  if (bytes[tag] !== dollar) return 0;
  const length = tag + 1 - at;
  for (let close = tag + 1; close + length <= end; close++) {
    let same = 0;
    while (same < length && bytes[close + same] === bytes[at + same]) same++;
    if (same === length) return close + length;
  }
  return -1;
}
