import { environmentLines, psqlLine, urlLine } from '../../../../core/contract/index.ts';
import type { ConnectTarget, SessionRow } from '../../../../core/contract/index.ts';
import { targetOfSession } from './targets.ts';
import type { Door } from './targets.ts';

/** What sessions can be copied as. */
export type SessionFormat = 'psql' | 'url' | 'environment' | 'json' | 'markdown' | 'table';

/** The columns of a table, and of an object in JSON. Nothing in a row is a secret, and none of it is a statement's text. */
const columns: readonly [name: string, value: (row: SessionRow) => string | number | null][] = [
  ['id', (row) => row.id],
  ['application', (row) => row.application],
  ['user', (row) => row.user],
  ['database', (row) => row.database],
  ['endpoint', (row) => row.endpoint],
  ['backend', (row) => row.backend],
  ['state', (row) => row.state],
  ['statement', (row) => row.statementKind],
  ['client', (row) => `${row.clientAddress}:${row.clientPort}`],
  ['pid', (row) => row.serverPid],
  ['queries', (row) => row.queries],
  ['migrations', (row) => row.migrations],
];

/** Sessions as a text to paste: one as a line or an object, several as lines, a table or a list. */
export function sessionsAs(format: SessionFormat, rows: readonly SessionRow[], door: Door): string {
  const target = (row: SessionRow): ConnectTarget => targetOfSession(row, door, format);
  switch (format) {
    case 'psql':
      return rows.map((row) => psqlLine(target(row))).join('\n');
    case 'url':
      return rows.map((row) => urlLine(target(row))).join('\n');
    case 'environment':
      return environments(rows, target);
    case 'json':
      return JSON.stringify(rows.length === 1 ? rows.map(record)[0] : rows.map(record), null, 2);
    case 'markdown':
      return markdown(rows);
    case 'table':
      return [columns.map(([name]) => name), ...rows.map((row) => columns.map(([, value]) => cell(value(row))))]
        .map((cells) => cells.join('\t'))
        .join('\n');
  }
}

function record(row: SessionRow): Record<string, string | number | null> {
  return Object.fromEntries(columns.map(([name, value]) => [name, value(row)]));
}

function environments(rows: readonly SessionRow[], target: (row: SessionRow) => ConnectTarget): string {
  const blocks = rows.map((row) => environmentLines(target(row)));
  if (blocks.length === 1) return blocks.join('');
  return rows
    .map((row, i) => `# session ${row.id}${row.application === '' ? '' : `, ${oneLine(row.application)}`}\n${blocks[i]}`)
    .join('\n\n');
}

/** One session is a row for a table that is there already; several bring their own head. */
function markdown(rows: readonly SessionRow[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  const body = rows.map((row) => line(columns.map(([, value]) => oneLine(String(value(row) ?? '')).replace(/[\\|`<*_[\]]/g, '\\$&'))));
  if (body.length === 1) return body.join('');
  return [line(columns.map(([name]) => name)), line(columns.map(() => '---')), ...body].join('\n');
}

/** A client chooses its own names: a spreadsheet must not take one for a formula, nor for the end of a cell. */
function cell(value: string | number | null): string {
  if (typeof value !== 'string') return String(value ?? '');
  const text = oneLine(value);
  return /^[=+\-@]/.test(text) ? `'${text}` : text;
}

function oneLine(text: string): string {
  return text.replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ');
}
