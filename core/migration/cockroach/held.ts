/**
 * What a CockroachDB server would hand a session over without, and not say a word: looked for where the session's own statements speak of
 * it (cockroach-migration.md sections 6 and 11.14). The catalogs decide where they know; else what was noted does.
 */
import type { Finding } from '../../contract/index.ts';
import type { ExchangeOptions, ServerConnection } from '../../backend/server-connection.ts';
import type { HeldNotes } from '../../session/held-notes.ts';
import { splitAtReady } from '../../state/capture.ts';
import { block } from '../dialect.ts';
import { extended, GROUPS_EACH, rowsIn } from './own-statement.ts';

const CURSORS = 'SELECT name FROM pg_catalog.pg_cursors WHERE is_holdable';
const LOCKS = "SELECT count(*) FROM pg_catalog.pg_locks WHERE locktype = 'advisory' AND granted AND pid = pg_backend_pid()";

/** What forbids the move for sure, without asking the server. */
export function heldByNotes(notes: HeldNotes | null): Finding[] {
  return [...(notes?.channels ?? [])].map((channel) =>
    block('listen', `it listens on "${channel}", and the server does not hand that over`, `It can move after UNLISTEN "${channel}".`),
  );
}

/** What forbids the move. Rejects as an exchange does; asks nothing of the server for a session whose statements speak of none of it. */
export async function findHeld(server: ServerConnection, notes: HeldNotes | null, options: ExchangeOptions): Promise<Finding[]> {
  if (notes === null) return [];
  const findings = heldByNotes(notes);
  const questions = [...(notes.mayHoldCursors ? [CURSORS] : []), ...(notes.mayHoldLocks ? [LOCKS] : [])];
  if (questions.length === 0) return findings;
  const frames = Buffer.concat(questions.map((sql) => extended(sql)));
  const groups = splitAtReady(await server.exchange(frames, questions.length * GROUPS_EACH, options).answer);
  for (const [index, question] of questions.entries()) {
    const rows = rowsIn(groups[index * GROUPS_EACH]);
    findings.push(...(question === CURSORS ? cursors(rows) : locks(rows)));
  }
  return findings;
}

/** `rows` null: the server keeps no such catalog. */
function cursors(rows: string[][] | null): Finding[] {
  if (rows?.length === 0) return [];
  const names = rows === null ? 'it has declared' : `it has open: ${rows.map(([name = '']) => name).join(', ')}`;
  return [block('held_cursor', `cursors WITH HOLD are not handed over, and ${names}`, 'It can move once they are closed.')];
}

function locks(rows: string[][] | null): Finding[] {
  if (rows?.[0]?.[0] === '0') return [];
  return [
    block('advisory_lock', 'it may hold session advisory locks, which are not handed over', 'It can move after pg_advisory_unlock_all().'),
  ];
}
