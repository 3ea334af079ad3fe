/** A statement as an operator who asked for it may read it: as it is, unless it speaks of secrets. */
import { withoutConstants } from './digest.ts';
import { statementKind } from './scan.ts';

/** Characters of a text that are kept. */
export const TEXT_LIMIT = 4_000;
/** Bytes of a text that are looked at. */
const READ_LIMIT = 64 * 1024;

/**
 * What makes a statement one of secrets, wherever it stands, be it in a comment or a name. Too much is found rather than too little: all it
 * costs is a text with `?` in the place of its constants.
 */
const SECRET =
  /passw|pass_?phrase|pwd|secret|token|credential|api_?key|(?:private|access|session|signing|master|encryption)_?key|jwt|bearer|authori[sz]ation\b|scram-|\bmd5[0-9a-f]{32}|\b(?:de|en)crypt|\bcrypt\s*\(|pgp_(?:sym|pub)|\bhmac\s*\(|gen_salt|dblink|\bsubscription\b|\buser\s+mapping\b|\bconninfo\b|:\/\/[^\s'"/@]*:[^\s'"/@]*@|-----BEGIN/i;

/** A text as it may be kept. */
export interface KeptText {
  readonly text: string;
  /** It goes on, and is not kept whole. */
  readonly isCut: boolean;
  /** Its constants are replaced. */
  readonly isRedacted: boolean;
}

/** Whether the name of a setting says that its value is a secret. */
export function namesSecret(name: string): boolean {
  return SECRET.test(name) && !PLAIN_NAMES.has(name.toLowerCase());
}

/** PostgreSQL's own, which only sound so. */
const PLAIN_NAMES = new Set(['password_encryption', 'scram_iterations', 'session_authorization']);

/** The text `bytes[start, end)`; `complete` false when there is more of it than is at hand. */
export function redacted(bytes: Buffer, start: number, end: number, complete: boolean): KeptText {
  const isWhole = complete && end - start <= READ_LIMIT;
  const sql = bytes.toString('utf8', start, Math.min(end, start + READ_LIMIT));
  // Of what is not read to its end nobody knows what it speaks of; and EXECUTE hands values to it knows not what.
  if (!isWhole || statementKind(bytes, start, end) === 'EXECUTE' || SECRET.test(sql)) {
    const text = withoutConstants(sql, isWhole, TEXT_LIMIT);
    return { text, isCut: text.endsWith('…'), isRedacted: true };
  }
  if (sql.length <= TEXT_LIMIT) return { text: sql, isCut: false, isRedacted: false };
  return { text: sql.slice(0, TEXT_LIMIT).replace(/[\ud800-\udbff]$/, ''), isCut: true, isRedacted: false };
}
