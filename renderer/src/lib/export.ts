/** Rows as files: what a table shows, as JSON or CSV. */
import { stringify } from 'csv-stringify/browser/esm/sync';

export type ExportFormat = 'json' | 'csv';

const types: Record<ExportFormat, string> = { json: 'application/json', csv: 'text/csv;charset=utf-8' };

/** Columns of the contract that hold a moment; `lastRequest.at` and `lastResponse.at` are logical clocks, and far smaller. */
const momentName = /^(at|from|to|since|.+(At|Since))$/;
const FIRST_MOMENT = Date.UTC(2000, 0, 1);

/** A row with its moments as ISO 8601 in UTC, whatever is nested in it included. */
function readable(value: unknown, name = ''): unknown {
  if (typeof value === 'number' && value >= FIRST_MOMENT && momentName.test(name)) return new Date(value).toISOString();
  if (Array.isArray(value)) return value.map((each) => readable(each));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, readable(each, key)]));
}

/** Objects inside a row become columns of their own (`wait.p95`); lists become JSON in one cell. */
function flatten(row: object, prefix = '', into: Record<string, unknown> = {}): Record<string, unknown> {
  for (const [key, value] of Object.entries(row) as [string, unknown][]) {
    const name = `${prefix}${key}`;
    if (Array.isArray(value)) into[name] = value.length === 0 ? '' : JSON.stringify(value);
    else if (typeof value === 'object' && value !== null) flatten(value, `${name}.`, into);
    else into[name] = value;
  }
  return into;
}

/** As JSON: a list of objects with the names of the contract. */
export function toJson(rows: readonly object[]): string {
  return `${JSON.stringify(
    rows.map((row) => readable(row)),
    null,
    2,
  )}\n`;
}

/**
 * As CSV (RFC 4180) with a line of names. What clients chose (names, statements) may look like a formula to a spreadsheet: such a cell
 * begins with an apostrophe. Null is an empty cell.
 */
export function toCsv(rows: readonly object[]): string {
  const lines = rows.map((row) => flatten(readable(row) as object));
  // A column that is null in one row and an object in another is the object's columns.
  const names = [...new Set(lines.flatMap((line) => Object.keys(line)))];
  const columns = names.filter((name) => !names.some((other) => other.startsWith(`${name}.`)));
  return stringify(
    lines.map((line) => columns.map((name) => line[name] ?? '')),
    {
      header: true,
      columns,
      record_delimiter: '\r\n',
      escape_formulas: true,
      // The library quotes what holds a whole delimiter; half of one ends a line as well.
      quoted_match: /[\r\n]/,
      cast: { boolean: (value) => (value ? 'true' : 'false') },
    },
  );
}

/** The name of a file made now: `sessions-2026-11-21T140309Z.csv`. */
export function fileName(what: string, format: ExportFormat, now: number): string {
  const stamp = new Date(now).toISOString().slice(0, 19).replaceAll(':', '');
  return `${what}-${stamp}Z.${format}`;
}

/** Has the browser, or the desktop's window, save rows as a file. Needs no network. */
export function saveAs(what: string, format: ExportFormat, rows: readonly object[]): void {
  const text = format === 'json' ? toJson(rows) : toCsv(rows);
  const url = URL.createObjectURL(new Blob([text], { type: types[format] }));
  const link = document.createElement('a');
  link.href = url;
  link.download = fileName(what, format, Date.now());
  link.click();
  // The browser has taken the text over by the next turn.
  setTimeout(() => URL.revokeObjectURL(url), 0);
}
