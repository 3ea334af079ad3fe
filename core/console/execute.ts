/** Carries out a command and says beforehand which columns it will answer with. */
import type { TransferRow } from '../contract/index.ts';
import { clientNamed, formerClientNamed, type Parameters } from './arguments.ts';
import { columnsOfView, textColumns, type Column } from './columns.ts';
import { tagOf, type Command } from './command.ts';
import { ConsoleError } from './console-error.ts';
import type { ConsoleHost } from './host.ts';
import { move } from './move.ts';
import { restart, restartColumnNames } from './restart.ts';
import { asConsoleError, operate } from './operate.ts';
import { milliseconds, type Cell } from './view.ts';
import { viewOf } from './views.ts';

/** Rows (null columns: none at all) and the command tag; a tag that counts rows ends with their number. */
export interface Result {
  readonly columns: readonly Column[] | null;
  readonly rows: readonly Cell[][];
  readonly tag: string;
}

/** What a command is run with. */
export interface ExecutionContext {
  readonly host: ConsoleHost;
  /** What SHOW <setting> knows. */
  readonly settings: ReadonlyMap<string, string>;
  /** Who asks. */
  readonly user: string;
  readonly signal: AbortSignal;
}

const movedColumns = textColumns(['id', 'outcome', 'reason', 'pause_ms', 'from_backend', 'to_backend']);
const stateColumns = textColumns(['key', 'client', 'server']);
const timelineColumns = textColumns(['at', 'event', 'detail']);

/** The columns a command answers with; null if it answers no rows. */
export function columnsOf(command: Command): readonly Column[] | null {
  switch (command.kind) {
    case 'show':
      return columnsOfView(command.view, viewOf(command.view));
    case 'state':
      return stateColumns;
    case 'timeline':
      return timelineColumns;
    case 'setting':
      return textColumns([command.name]);
    case 'move':
      return 'terms' in command ? movedColumns : null;
    case 'restart':
      return textColumns(restartColumnNames);
    case 'constant':
      return textColumns(['?column?']);
    case 'types':
      return textColumns(['oid', 'typarray']);
    default:
      return null;
  }
}

/** Runs a command that needs nothing but the host. `parameters` are the bound values. Rejects with `ConsoleError`. */
export async function execute(command: Command, parameters: Parameters, context: ExecutionContext): Promise<Result> {
  const columns = columnsOf(command);
  const { host } = context;
  switch (command.kind) {
    case 'show': {
      const rows = viewOf(command.view).rows(host, Date.now());
      // PostgreSQL's tag has no number here; with one, drivers know the row count (postgres.js loses a cursor's last rows without).
      return { columns, rows, tag: `SHOW ${rows.length}` };
    }
    case 'state': {
      const lines = host.sessionState(clientNamed(command.id, parameters, host)) ?? [];
      return { columns, rows: lines.map(({ key, client, server }) => [key, client, server]), tag: `SHOW ${lines.length}` };
    }
    case 'timeline': {
      const sessionId = formerClientNamed(command.id, parameters);
      const { events } = await refusing(Promise.resolve(host.calls['session.timeline']({ sessionId })));
      const rows = events.map(({ at, name, detail }): Cell[] => [new Date(at).toISOString(), name, detail]);
      return { columns, rows, tag: `SHOW ${rows.length}` };
    }
    case 'setting': {
      const value = context.settings.get(command.name);
      if (value !== undefined) return { columns, rows: [[value]], tag: 'SHOW' };
      throw new ConsoleError('42704', `there is nothing named "${command.name}" to show`, {
        hint: 'SHOW HELP lists the commands of this console.',
      });
    }
    case 'move': {
      mayCommand(context);
      const rows = (await refusing(move(command, parameters, host, context.signal))).map(transferCells);
      return { columns, rows, tag: columns === null ? command.tag : `${command.tag} ${rows.length}` };
    }
    case 'restart': {
      mayCommand(context);
      return { columns, rows: [await refusing(restart(command, parameters, host, context.signal))], tag: 'RESTART 1' };
    }
    case 'constant':
      return { columns, rows: [[command.value]], tag: 'SELECT 1' };
    case 'types':
      return { columns, rows: [], tag: 'SELECT 0' };
    case 'transaction':
    case 'forget':
    case 'ignored':
      return { columns, rows: [], tag: command.tag };
    default:
      mayCommand(context);
      await refusing(operate(command, parameters, host, context.signal));
      return { columns, rows: [], tag: tagOf(command) };
  }
}

/** With `trust` anybody may claim any name, so names say nothing. Throws `ConsoleError` 42501. */
function mayCommand({ host, user }: ExecutionContext): void {
  const { method, admins } = host.settings().authentication;
  if (method === 'trust' || admins.length === 0 || admins.includes(user)) return;
  throw new ConsoleError('42501', `user "${user}" may look, but not command`, {
    hint: 'Ask somebody of admin_users (SHOW CONFIG).',
  });
}

async function refusing<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw asConsoleError(error);
  }
}

function transferCells(row: TransferRow): Cell[] {
  return [row.sessionId, row.outcome, row.reason, milliseconds(row.pauseMs), row.fromBackend, row.toBackend];
}
