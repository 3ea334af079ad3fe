/**
 * A lexer for PostgreSQL's SQL (manual, "Lexical Structure"; src/backend/parser/scan.l is the reference). It only tells where
 * tokens are; it never rewrites, and it never fails: an unterminated token ends with the text.
 */

export type TokenKind =
  /** Unquoted identifier or keyword. */
  | 'word'
  /** `"…"` or `U&"…"`. */
  | 'quoted'
  /** Any string constant, bit string or dollar-quoted text, with its continuations on further lines. */
  | 'string'
  | 'number'
  /** `$1` */
  | 'parameter'
  | 'operator'
  /** One of `( ) [ ] , ; . :` (also `::` and `:=` in one token). */
  | 'punctuation';

/** A token: `sql.slice(start, end)`. */
export interface Token {
  readonly kind: TokenKind;
  readonly start: number;
  readonly end: number;
  /** False if the text ended inside it. */
  readonly closed: boolean;
}

export interface LexerOptions {
  /** The server's `standard_conforming_strings`; off makes backslashes in plain strings escapes. Default on. */
  readonly standardConformingStrings?: boolean;
}

const isSpace = (c: number): boolean => c === 32 || (c >= 9 && c <= 13);
const isDigit = (c: number): boolean => c >= 48 && c <= 57;
const isWordStart = (c: number): boolean => (c >= 97 && c <= 122) || (c >= 65 && c <= 90) || c === 95 || c >= 128;
/** Identifiers go on with letters, digits, `_` and `$`. */
const isWordPart = (c: number): boolean => isWordStart(c) || isDigit(c) || c === 36;
const operatorChars = new Set(Buffer.from('~!@#^&|`?+-*/%<>='));
const quote = 39;
const doubleQuote = 34;
const backslash = 92;

/** Position after white space and comments (`--` and nested block comments) at `at`. */
export function skipBlank(sql: string, at: number): number {
  for (;;) {
    const c = sql.charCodeAt(at);
    if (isSpace(c)) {
      at++;
    } else if (c === 45 && sql.charCodeAt(at + 1) === 45) {
      at = lineEnd(sql, at + 2);
    } else if (c === 47 && sql.charCodeAt(at + 1) === 42) {
      at = blockCommentEnd(sql, at + 2);
    } else {
      return at;
    }
  }
}

function lineEnd(sql: string, at: number): number {
  while (at < sql.length && sql[at] !== '\n' && sql[at] !== '\r') at++;
  return at;
}

function blockCommentEnd(sql: string, at: number): number {
  for (let depth = 1; at < sql.length;) {
    const pair = sql.slice(at, at + 2);
    if (pair === '*/') {
      at += 2;
      if (--depth === 0) return at;
    } else if (pair === '/*') {
      at += 2;
      depth++;
    } else {
      at++;
    }
  }
  return at;
}

/** The token at or after `at`; null at the end of the text. */
export function nextToken(sql: string, at: number, options: LexerOptions = {}): Token | null {
  const start = skipBlank(sql, at);
  if (start >= sql.length) return null;
  const c = sql.charCodeAt(start);
  const after = sql.charCodeAt(start + 1);
  const token = (kind: TokenKind, end: number, closed = true): Token => ({ kind, start, end, closed });

  if (c === quote) return string(sql, start, start + 1, options.standardConformingStrings === false);
  if (c === doubleQuote) return quotedIdentifier(sql, start, start + 1);
  if (isWordStart(c)) {
    const prefix = c | 32;
    // e'…' has escapes; b'…', x'…' and n'…' have not. U&'…' and U&"…" are told apart from `u & x` by the missing space.
    if (after === quote && prefix === 101) return string(sql, start, start + 2, true);
    if (after === quote && (prefix === 98 || prefix === 120 || prefix === 110)) return string(sql, start, start + 2, false);
    if (prefix === 117 && after === 38) {
      const third = sql.charCodeAt(start + 2);
      if (third === quote) return string(sql, start, start + 3, false);
      if (third === doubleQuote) return quotedIdentifier(sql, start, start + 3);
    }
    let end = start + 1;
    while (isWordPart(sql.charCodeAt(end))) end++;
    return token('word', end);
  }
  if (isDigit(c) || (c === 46 && isDigit(after))) return token('number', numberEnd(sql, start));
  if (c === 36) {
    if (isDigit(after)) {
      let end = start + 2;
      while (isDigit(sql.charCodeAt(end))) end++;
      return token('parameter', end);
    }
    const tag = dollarTag(sql, start);
    if (tag === null) return token('operator', start + 1);
    const close = sql.indexOf(tag, start + tag.length);
    return close < 0 ? token('string', sql.length, false) : token('string', close + tag.length);
  }
  if (operatorChars.has(c)) return token('operator', operatorEnd(sql, start));
  if (c === 58 && (after === 58 || after === 61)) return token('punctuation', start + 2);
  return token('punctuation', start + 1);
}

/** Every token of the text, in order. */
export function* tokens(sql: string, options: LexerOptions = {}): Generator<Token, void, undefined> {
  for (let token = nextToken(sql, 0, options); token !== null; token = nextToken(sql, token.end, options)) yield token;
}

/** A string and its continuations: constants with nothing but white space and a line break between them are one constant. */
function string(sql: string, start: number, body: number, escapes: boolean): Token {
  for (let at = body; ;) {
    const end = segmentEnd(sql, at, escapes);
    if (end < 0) return { kind: 'string', start, end: sql.length, closed: false };
    const next = continuation(sql, end);
    if (next === null) return { kind: 'string', start, end, closed: true };
    at = next;
  }
}

/** Position after the closing quote, or -1. */
function segmentEnd(sql: string, at: number, escapes: boolean): number {
  for (; at < sql.length; at++) {
    const c = sql.charCodeAt(at);
    if (c === backslash && escapes) {
      at++;
    } else if (c === quote) {
      if (sql.charCodeAt(at + 1) !== quote) return at + 1;
      at++;
    }
  }
  return -1;
}

/** Where the text of a continuation begins, or null. Only `--` comments may stand between (scan.l, `quotecontinue`). */
function continuation(sql: string, at: number): number | null {
  for (let line = false; ;) {
    const c = sql.charCodeAt(at);
    if (c === 10 || c === 13) line = true;
    if (isSpace(c)) at++;
    else if (c === 45 && sql.charCodeAt(at + 1) === 45) at = lineEnd(sql, at + 2);
    else return line && c === quote ? at + 1 : null;
  }
}

function quotedIdentifier(sql: string, start: number, body: number): Token {
  for (let at = body; at < sql.length; at++) {
    if (sql.charCodeAt(at) !== doubleQuote) continue;
    if (sql.charCodeAt(at + 1) !== doubleQuote) return { kind: 'quoted', start, end: at + 1, closed: true };
    at++;
  }
  return { kind: 'quoted', start, end: sql.length, closed: false };
}

const numberPattern = /(?:0[xX][0-9a-fA-F_]+|0[oO][0-7_]+|0[bB][01_]+|(?:\d[\d_]*(?:\.(?!\.)[\d_]*)?|\.\d[\d_]*)(?:[eE][+-]?\d[\d_]*)?)/y;

function numberEnd(sql: string, start: number): number {
  numberPattern.lastIndex = start;
  return numberPattern.test(sql) ? numberPattern.lastIndex : start + 1;
}

const dollarTagPattern = /\$(?:[A-Za-z_\u0080-\uffff][A-Za-z0-9_\u0080-\uffff]*)?\$/y;

function dollarTag(sql: string, start: number): string | null {
  dollarTagPattern.lastIndex = start;
  return dollarTagPattern.exec(sql)?.[0] ?? null;
}

/** An operator ends before a comment, and gives back a trailing + or - unless it holds a character only operators have. */
function operatorEnd(sql: string, start: number): number {
  let end = start;
  for (; operatorChars.has(sql.charCodeAt(end)); end++) {
    const pair = sql.slice(end, end + 2);
    if (end > start && (pair === '--' || pair === '/*')) break;
  }
  if (/[~!@#^&|`?%]/.test(sql.slice(start, end))) return end;
  while (end > start + 1 && /[+-]/.test(sql[end - 1] ?? '')) end--;
  return end;
}

/** An identifier as the server sees it: unquoted ones folded to lower case (ASCII only), quotes and U& escapes resolved. */
export function identifierValue(sql: string, token: Token): string {
  const text = sql.slice(token.start, token.end);
  if (token.kind !== 'quoted') return text.replace(/[A-Z]+/g, (upper) => upper.toLowerCase());
  const unicode = text[0] !== '"';
  const body = text.slice(unicode ? 3 : 1, token.closed ? -1 : undefined).replaceAll('""', '"');
  return unicode ? unescapeUnicode(body) : body;
}

/** The text of a string constant. Bit strings yield their digits. */
export function stringValue(sql: string, token: Token, options: LexerOptions = {}): string {
  const text = sql.slice(token.start, token.end);
  if (text[0] === '$') {
    const tag = text.slice(0, text.indexOf('$', 1) + 1);
    return text.slice(tag.length, token.closed ? -tag.length : undefined);
  }
  const unicode = /^u&/i.test(text);
  const escapes = /^e/i.test(text) || (text[0] === "'" && options.standardConformingStrings === false);
  let value = '';
  for (let at = text.indexOf("'") + 1; ;) {
    const end = segmentEnd(text, at, escapes);
    value += text.slice(at, end < 0 ? undefined : end - 1);
    const next = end < 0 ? null : continuation(text, end);
    if (next === null) break;
    at = next;
  }
  if (escapes) return unescapeBackslashes(value);
  value = value.replaceAll("''", "'");
  return unicode ? unescapeUnicode(value) : value;
}

const controlEscapes: Readonly<Record<string, string>> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' };

function unescapeBackslashes(text: string): string {
  return text.replace(/''|\\(?:[0-7]{1,3}|x[\da-fA-F]{1,2}|u[\da-fA-F]{4}|U[\da-fA-F]{8}|[\s\S])/g, (escape) => {
    const letter = escape[1] ?? '';
    const digits = escape.slice(2);
    if (escape === "''") return "'";
    if (letter >= '0' && letter <= '7') return String.fromCharCode(Number.parseInt(escape.slice(1), 8) & 255);
    if (digits !== '') return codePoint(digits);
    return controlEscapes[letter] ?? letter;
  });
}

/** `\0061` and `\+000061`; a UESCAPE clause that changes the character is not followed. */
function unescapeUnicode(text: string): string {
  return text.replace(/\\(?:\\|([0-9a-f]{4})|\+([0-9a-f]{6}))/gi, (_all, u4: string | undefined, u6: string | undefined) => {
    const code = u4 ?? u6;
    return code === undefined ? '\\' : codePoint(code);
  });
}

function codePoint(hex: string): string {
  const code = Number.parseInt(hex, 16);
  return code <= 0x10ffff ? String.fromCodePoint(code) : '\ufffd';
}
