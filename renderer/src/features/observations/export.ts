import type { ObservationRow } from '../../../../core/contract/index.ts';

const columns = ['endpoint', 'application', 'code', 'message', 'fix', 'statement', 'count', 'first', 'last'] as const;

function record(row: ObservationRow): Record<(typeof columns)[number], string | number | null> {
  const { firstAt, lastAt, ...rest } = row;
  return { ...rest, first: new Date(firstAt).toISOString(), last: new Date(lastAt).toISOString() };
}

/** As CSV (RFC 4180), with a line of names. Times are ISO 8601 in UTC. */
export function observationsCsv(rows: readonly ObservationRow[]): string {
  const lines = rows.map((row) => {
    const values = record(row);
    return columns.map((column) => csvField(values[column])).join(',');
  });
  return `${[columns.join(','), ...lines].join('\r\n')}\r\n`;
}

/** As JSON, one object per observation. */
export function observationsJson(rows: readonly ObservationRow[]): string {
  return `${JSON.stringify(rows.map(record), null, 2)}\n`;
}

function csvField(value: string | number | null): string {
  if (value === null) return '';
  if (typeof value === 'number') return String(value);
  // The text comes from clients: a spreadsheet must not take it for a formula.
  const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** Has the browser save a text as a file. */
export function saveText(name: string, type: string, text: string): void {
  const url = URL.createObjectURL(new Blob([text], { type }));
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  // The browser has taken the text over by the next turn.
  setTimeout(() => URL.revokeObjectURL(url), 0);
}
