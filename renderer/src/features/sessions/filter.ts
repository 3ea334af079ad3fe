import type { SessionRow } from '../../../../core/contract/index.ts';

const fields: Record<string, (row: SessionRow) => string> = {
  id: (row) => String(row.id),
  app: (row) => row.application,
  application: (row) => row.application,
  user: (row) => row.user,
  database: (row) => row.database,
  db: (row) => row.database,
  endpoint: (row) => row.endpoint,
  asked: (row) => row.requestedEndpoint ?? '',
  route: (row) => row.routedBy,
  tls: (row) => row.tls ?? 'none',
  backend: (row) => row.backend,
  state: (row) => row.state,
  tx: (row) => row.transaction ?? '',
  statement: (row) => row.statementKind ?? '',
  client: (row) => `${row.clientAddress}:${row.clientPort}`,
  mode: (row) => row.poolMode,
  pool: (row) => row.pool,
  pin: (row) => row.pins.map((pin) => `${pin.code} ${pin.reason}`).join(' '),
  pid: (row) => String(row.serverPid ?? ''),
};

/**
 * The test that a filter text stands for. Words are all to be found somewhere in the row, in any case; `field:word` looks in
 * one field only (`user:bob`, `state:idle`), and quotes keep a word with spaces together (`state:"idle in transaction"`).
 */
export function parseFilter(text: string): (row: SessionRow) => boolean {
  const terms = [...text.matchAll(/(?:(\w+):)?(?:"([^"]*)"?|(\S+))/g)].map((match) => {
    const name = match[1]?.toLowerCase();
    const word = (match[2] ?? match[3] ?? '').toLowerCase();
    const field = name === undefined ? undefined : fields[name];
    if (field) return { field, word };
    return { field: everything, word: name === undefined ? word : `${name}:${word}` };
  });
  return (row) => terms.every(({ field, word }) => field(row).toLowerCase().includes(word));
}

function everything(row: SessionRow): string {
  return [
    row.id,
    row.application,
    row.user,
    row.database,
    row.endpoint,
    row.backend,
    row.state,
    row.statementKind ?? '',
    `${row.clientAddress}:${row.clientPort}`,
  ].join(' ');
}
