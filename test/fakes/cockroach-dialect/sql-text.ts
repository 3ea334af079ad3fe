/** Reading SQL text: statements, lists, literals. Just enough for the statements that the dialect server knows. */
import { SqlError } from './sql-error.ts';

/** Cuts at `separator` where it stands outside quotes, parentheses and comments; comments become spaces. */
export function cut(text: string, separator: ';' | ','): string[] {
  const parts: string[] = [];
  let part = '';
  let depth = 0;
  for (const [piece = ''] of text.matchAll(/'[^']*(?:''[^']*)*'|"[^"]*(?:""[^"]*)*"|--[^\n]*|\/\*.*?\*\/|[\s\S]/g)) {
    if (piece === '(') depth++;
    if (piece === ')') depth--;
    if (piece === separator && (depth <= 0 || separator === ';')) {
      parts.push(part);
      part = '';
    } else part += piece.startsWith('--') || piece.startsWith('/*') ? ' ' : piece;
  }
  return [...parts, part].map((each) => each.trim());
}

/** The statements of a simple query; empty ones left out. */
export function statementsOf(text: string): string[] {
  return cut(text, ';').filter((statement) => statement !== '');
}

/** An identifier: as written in quotes, else in lower case. */
export function identifier(text: string): string {
  const word = text.trim();
  return word.startsWith('"') ? word.slice(1, -1).replaceAll('""', '"') : word.toLowerCase();
}

/** The text of a value as SET, EXECUTE and NOTIFY have it: a literal in quotes, else the word itself. */
export function valueText(text: string): string {
  const word = text.trim();
  return word.startsWith("'") ? word.slice(1, -1).replaceAll("''", "'") : word;
}

/** For what the dialect server does not know. */
export function notUnderstood(sql: string): SqlError {
  return new SqlError('42601', `at or near "${sql.slice(0, 40)}": syntax error: the dialect server does not know this statement`);
}
