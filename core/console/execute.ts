/** Carries out a command and says beforehand which columns it will answer with. */
import { CallError, type TransferRow } from '../contract/index.ts';
import type { Argument, Command } from './command.ts';
import { ConsoleError } from './console-error.ts';
import type { ConsoleHost } from './host.ts';
import { milliseconds, viewOf, type Cell } from './views.ts';

/** Rows (null columns: none at all) and the command tag; a tag that counts rows ends with their number. */
export interface Result {
  readonly columns: readonly string[] | null;
  readonly rows: readonly Cell[][];
  readonly tag: string;
}

const migrateColumns = ['id', 'outcome', 'reason', 'pause_ms', 'from_backend', 'to_backend'];
const defaultWithinSeconds = 30;
const maxWithinSeconds = 3600;

/** The columns a command answers with; null if it answers no rows. */
export function columnsOf(command: Command): readonly string[] | null {
  switch (command.kind) {
    case 'show':
      return viewOf(command.view).columns;
    case 'setting':
      return [command.name];
    case 'migrate':
      return migrateColumns;
    case 'constant':
      return ['?column?'];
    case 'types':
      return ['oid', 'typarray'];
    case 'transaction':
    case 'forget':
    case 'ignored':
      return null;
  }
}

/**
 * Runs a command that needs nothing but the host. `parameters` are the bound values, `settings` what SHOW <setting> knows.
 * Rejects with `ConsoleError`.
 */
export async function execute(
  command: Command,
  parameters: readonly (string | null)[],
  context: { host: ConsoleHost; settings: ReadonlyMap<string, string>; signal: AbortSignal },
): Promise<Result> {
  const columns = columnsOf(command);
  switch (command.kind) {
    case 'show': {
      const rows = viewOf(command.view).rows(context.host, Date.now());
      // PostgreSQL's tag has no number here; with one, drivers know the row count (postgres.js loses a cursor's last rows without).
      return { columns, rows, tag: `SHOW ${rows.length}` };
    }
    case 'setting': {
      const value = context.settings.get(command.name);
      if (value !== undefined) return { columns, rows: [[value]], tag: 'SHOW' };
      throw new ConsoleError('42704', `there is nothing named "${command.name}" to show`, {
        hint: 'SHOW HELP lists the commands of this console.',
      });
    }
    case 'migrate': {
      const rows = (await migrate(command, parameters, context.host, context.signal)).map(transferCells);
      return { columns, rows, tag: `MIGRATE ${rows.length}` };
    }
    case 'constant':
      return { columns, rows: [[command.value]], tag: 'SELECT 1' };
    case 'types':
      return { columns, rows: [], tag: 'SELECT 0' };
    case 'transaction':
    case 'forget':
    case 'ignored':
      return { columns, rows: [], tag: command.tag };
  }
}

async function migrate(
  command: Extract<Command, { kind: 'migrate' }>,
  parameters: readonly (string | null)[],
  host: ConsoleHost,
  signal: AbortSignal,
): Promise<readonly TransferRow[]> {
  const to = endpointOf(command.to, parameters, host);
  const withinMs = withinMsOf(command.within, parameters);
  const sessionIds =
    command.what === 'client' ? [clientOf(command.id, parameters, host)] : sessionsOf(endpointOf(command.id, parameters, host), host);
  if (sessionIds.length === 0) return [];
  try {
    return await host.migrate(sessionIds, to, withinMs, signal);
  } catch (error) {
    if (!(error instanceof CallError)) throw error;
    throw new ConsoleError(error.code.startsWith('unknown_') ? '42704' : '55000', error.message, { hint: error.hint ?? undefined });
  }
}

function transferCells(row: TransferRow): Cell[] {
  return [row.sessionId, row.outcome, row.reason, milliseconds(row.pauseMs), row.fromBackend, row.toBackend];
}

function sessionsOf(endpoint: string, host: ConsoleHost): number[] {
  return host
    .sessions()
    .filter((session) => session.endpoint === endpoint)
    .map((session) => session.id);
}

function clientOf(argument: Argument, parameters: readonly (string | null)[], host: ConsoleHost): number {
  const { text } = valueOf(argument, parameters);
  const id = /^\d{1,15}$/.test(text) ? Number(text) : 0;
  if (id > 0 && host.sessions().some((session) => session.id === id)) return id;
  throw new ConsoleError('42704', `there is no client ${id > 0 ? id : `"${text}"`}`, {
    hint: 'SHOW CLIENTS lists them; the column is "id".',
  });
}

/** Ids match exactly; one written without quotes also matches without regard to case, if only one endpoint does. */
function endpointOf(argument: Argument, parameters: readonly (string | null)[], host: ConsoleHost): string {
  const { text, quoted } = valueOf(argument, parameters);
  const ids = host.endpoints().map((endpoint) => endpoint.id);
  if (ids.includes(text)) return text;
  const alike = quoted ? [] : ids.filter((id) => id.toLowerCase() === text.toLowerCase());
  if (alike.length === 1 && alike[0] !== undefined) return alike[0];
  throw new ConsoleError('42704', `there is no endpoint "${text}"`, { hint: `Known endpoints: ${ids.slice(0, 20).join(', ') || 'none'}.` });
}

function withinMsOf(argument: Argument | null, parameters: readonly (string | null)[]): number {
  if (argument === null) return defaultWithinSeconds * 1000;
  const { text } = valueOf(argument, parameters);
  const value = /^\d+(\.\d*)?$|^\.\d+$/.test(text) ? Number(text) : Number.NaN;
  if (value >= 0 && value <= maxWithinSeconds) return Math.round(value * 1000);
  throw new ConsoleError('22023', `WITHIN takes seconds from 0 to ${maxWithinSeconds}, not "${text}"`);
}

function valueOf(argument: Argument, parameters: readonly (string | null)[]): { text: string; quoted: boolean } {
  if ('text' in argument) return argument;
  const text = parameters[argument.parameter - 1];
  if (text === undefined) throw new ConsoleError('42P02', `there is no parameter $${argument.parameter}`);
  if (text === null) throw new ConsoleError('22004', `parameter $${argument.parameter} must not be null`);
  return { text, quoted: true };
}
