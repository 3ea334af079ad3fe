import type { SessionRow } from '../../../../core/contract/index.ts';

/** What the table can be sorted by: its columns. */
export const sortColumns = [
  'id',
  'application',
  'user',
  'database',
  'endpoint',
  'backend',
  'state',
  'transaction',
  'statement',
  'since',
  'queries',
  'bytes',
  'migrations',
  'client',
  'pid',
  'mode',
  'age',
] as const;
export type SortColumn = (typeof sortColumns)[number];

/** Whether a word names a column. */
export function isSortColumn(word: string): word is SortColumn {
  return sortColumns.some((column) => column === word);
}

const keys: Record<SortColumn, (row: SessionRow) => string | number> = {
  id: (row) => row.id,
  application: (row) => row.application,
  user: (row) => row.user,
  database: (row) => row.database,
  endpoint: (row) => row.endpoint,
  backend: (row) => row.backend,
  state: (row) => row.state,
  transaction: (row) => row.transaction ?? '',
  statement: (row) => row.statementKind ?? '',
  // Ascending means shortest first, so the longest idle-in-transaction is on top when descending.
  since: (row) => -row.stateSince,
  queries: (row) => row.queries,
  bytes: (row) => row.bytesIn + row.bytesOut,
  migrations: (row) => row.migrations,
  client: (row) => `${row.clientAddress}:${row.clientPort}`,
  pid: (row) => row.serverPid ?? -1,
  mode: (row) => row.poolMode,
  age: (row) => -row.connectedAt,
};

const words = new Intl.Collator('en', { numeric: true, sensitivity: 'base' });

/** The ids of these rows in order; equal rows stand by id, so that the order never flickers. */
export function sortSessions(rows: readonly SessionRow[], column: SortColumn, descending: boolean): number[] {
  const key = keys[column];
  const sign = descending ? -1 : 1;
  return rows
    .map((row) => ({ id: row.id, key: key(row) }))
    .sort((a, b) => {
      const order = typeof a.key === 'number' && typeof b.key === 'number' ? a.key - b.key : words.compare(String(a.key), String(b.key));
      return order === 0 ? a.id - b.id : sign * order;
    })
    .map((row) => row.id);
}
