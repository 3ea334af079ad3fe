/** A statement as it may be shown and kept: what it does, never with what data. */
import { identifierValue, nextToken, type Token } from './lexer.ts';

/** Characters of a digest, at most. */
export const DIGEST_LIMIT = 200;
/** Bytes that are read of a text: what a digest shows ends far before. */
const READ_LIMIT = 64 * 1024;
const ELLIPSIS = '…';
/** Statements whose SET is that of a setting, not of a column. */
const settingHosts = new Set(['set', 'alter', 'create']);

/**
 * The statement `bytes[start, end)` with its constants, and the values that it gives to settings, replaced by `?` (parameters stay
 * `$n`), without comments, white space made one space, cut to `DIGEST_LIMIT` characters. Where it is not sure what is a constant it ends
 * with `…`: at a backslash before a quote, whose meaning depends on a setting; at what sticks to the end of a constant; at a string
 * that does not end.
 */
export function digest(bytes: Buffer, start: number, end: number): string {
  const isWhole = end - start <= READ_LIMIT;
  return withoutConstants(bytes.toString('utf8', start, isWhole ? end : start + READ_LIMIT), isWhole, DIGEST_LIMIT);
}

/** As `digest`, of a text of which perhaps only the beginning is at hand, cut to `limit` characters. */
export function withoutConstants(sql: string, isWhole: boolean, limit: number): string {
  let text = '';
  let previous: Token | null = null;
  let lead = '';
  let sets = false;
  let inValue = false;
  for (let token = nextToken(sql, 0); token !== null; token = nextToken(sql, token.end)) {
    if (isUnsure(sql, token, previous)) return shortened(text, limit);
    const written = sql.slice(token.start, token.end);
    const word: string = token.kind === 'word' ? identifierValue(sql, token) : '';
    const gap: string = previous !== null && token.start > previous.end ? ' ' : '';
    previous = token;
    if (written === ';') {
      lead = '';
      sets = false;
      inValue = false;
    }
    if (inValue) continue;
    if (lead === '') lead = word;
    text += gap + (token.kind === 'string' || token.kind === 'number' ? '?' : written);
    if (text.length > limit) return shortened(text, limit);
    if (word === 'set' && settingHosts.has(lead)) sets = true;
    else if (sets && (written === '=' || word === 'to')) {
      // A value may be written without quotes.
      text += ' ?';
      inValue = true;
    }
  }
  return isWhole && text.length <= limit ? text : shortened(text, limit);
}

function shortened(text: string, limit: number): string {
  return text.slice(0, limit - 1).replace(/[\ud800-\udbff]$/, '') + ELLIPSIS;
}

const constants: ReadonlySet<string> = new Set(['string', 'number', 'parameter']);

function isUnsure(sql: string, token: Token, previous: Token | null): boolean {
  if (!token.closed) return true;
  if (
    previous !== null &&
    previous.end === token.start &&
    constants.has(previous.kind) &&
    token.kind !== 'operator' &&
    token.kind !== 'punctuation'
  )
    return true;
  const first = sql[token.start] ?? '';
  const text = sql.slice(token.start, token.end);
  switch (token.kind) {
    case 'string':
      if (first === '$') return /^\$[^$]*[^\0-\x7f]/.test(text);
      if (first === 'e' || first === 'E') return /[^\0-\x7f]\\/.test(text);
      return /(?:^|[^\\])\\(?:\\\\)*'|[^\0-\x7f]\\+'/.test(text);
    case 'operator':
      return first === '$';
    case 'punctuation':
      return !'()[],;.:'.includes(first);
    default:
      return false;
  }
}
