/** Moving a session in a test, the way a script would: through the console. */
import type pg from 'pg';
import type { TransferMode, TransferRow } from '../../core/contract/index.ts';
import type { Yard } from './yard.ts';

/** What `MIGRATE` answers per session. */
export interface MoveRow {
  id: string;
  outcome: 'success' | 'error_recoverable' | 'error_fatal' | 'refused';
  reason: string | null;
  pause_ms: string | null;
  from_backend: string;
  to_backend: string;
}

/** A session by its driver (found by its local port), its application name, or its id. */
export type SessionHandle = pg.Client | string | number;

/** The id of a session. */
export async function sessionId(yard: Yard, session: SessionHandle): Promise<number> {
  if (typeof session === 'number') return session;
  const sessions = await yard.sessions();
  const found =
    typeof session === 'string'
      ? sessions.find((row) => row.application === session)
      : sessions.find((row) => row.clientPort === localPort(session));
  if (found === undefined) throw new Error('there is no such session');
  return found.id;
}

/** Moves one session and returns its row. `withinSeconds`: how long it may wait for a safe point. */
export async function move(yard: Yard, session: SessionHandle, to: string, withinSeconds = 10): Promise<MoveRow> {
  const id = await sessionId(yard, session);
  const consoleClient = await yard.consoleClient();
  try {
    const { rows } = await consoleClient.query<MoveRow>(`MIGRATE CLIENT ${id} TO ${to} WITHIN ${withinSeconds}`);
    if (rows[0] === undefined) throw new Error('MIGRATE answered no row');
    return rows[0];
  } finally {
    await consoleClient.end();
  }
}

/** How a move is asked for, where it is not left to the session's doing. */
export interface Asked {
  readonly mode?: TransferMode;
  readonly withinMs?: number;
  readonly carry?: Partial<Record<'advisoryLocks' | 'heldCursors' | 'temporaryTables' | 'sequences', boolean>>;
}

/** Moves one session through the call, and returns the transfer's whole row once it is settled. */
export async function transfer(
  yard: Yard,
  session: SessionHandle,
  to: string,
  { mode, withinMs = 10_000, carry }: Asked = {},
): Promise<TransferRow> {
  const id = await sessionId(yard, session);
  const { operationId } = await yard.switchyard.handlers.migrate({
    sessionIds: [id],
    to,
    withinMs,
    forceAfterMs: null,
    ...(mode && { mode }),
    ...(carry && { carry: { ...NOTHING, ...carry } }),
  });
  const until = Date.now() + withinMs + 60_000;
  while (Date.now() < until) {
    const row = (await yard.snapshot()).transfers.find((each) => each.operationId === operationId);
    if (row !== undefined && row.outcome !== null) return row;
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  throw new Error('the transfer did not settle');
}

const NOTHING = { advisoryLocks: false, heldCursors: false, temporaryTables: false, sequences: false };

/** The port of the PostgreSQL server a session is on. */
export async function serverPort(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ port: number }>('SELECT inet_server_port() AS port');
  return rows[0]?.port ?? 0;
}

function localPort(client: pg.Client): number | undefined {
  // The driver keeps its socket to itself; there is no other way to tell two of its sessions apart from outside.
  return (client as unknown as { connection: { stream: { localPort?: number } } }).connection.stream.localPort;
}
