/**
 * The dialect of CockroachDB: the server itself hands out a session and takes it back (cockroach-migration.md section 2), the proxy carries
 * what it hands out, and checks that it arrived. All in one hold, on a channel that was opened before.
 */
import type { ExchangeOptions, ServerConnection } from '../../backend/server-connection.ts';
import type { Finding } from '../../contract/index.ts';
import { block, info, Refusal, type Asking, type Dialect, type Source } from '../dialect.ts';
import type { TransferDeadlines } from '../transfer/deadlines.ts';
import { findHeld } from './held.ts';
import { shapesOf } from './look.ts';
import { checkSame, restoreSession, type Restored } from './restore.ts';
import { CockroachSide } from './side.ts';
import { askForState, MAX_STATE_BYTES, type TransferState } from './transfer-state.ts';
import { isStatementOf } from './unnamed.ts';

/** See the head of this file. */
export const cockroachDialect: Dialect<TransferState, CockroachSide, Restored> = {
  name: 'cockroach',

  open: (opening, deadlines) => CockroachSide.open(opening, deadlines),

  capture: (source, deadlines) => askForSession(source, deadlines),

  judge: ({ look }) =>
    look.statements !== null && look.settings !== null
      ? []
      : [info('not_compared', 'the server does not tell what a session has prepared or set: what is restored cannot be compared with it')],

  /** The old server has nothing else to do meanwhile: it is asked what the session's statements look like. */
  async login(state, source, side, deadlines) {
    const shapes = shapesOf(source.server, state.look.statements ?? new Set(), {
      deadlineMs: deadlines.checkMs + deadlines.lateMs,
      onUnasked: source.onNotification,
    });
    try {
      await side.logIn(state, deadlines.loginMs);
    } finally {
      // The client may not go on before.
      side.shapes = await shapes;
    }
  },

  async restore(state, source, side, _carrying, deadlines) {
    const target = connectionOf(side);
    const restored = await restoreSession(target, state, deadlines.restoreMs);
    takeOverReported(source.server, target);
    return restored;
  },

  verify: async (state, _source, side, restored) => {
    await Promise.resolve();
    checkSame(state, side.shapes, restored);
  },

  size: ({ bytes }) => bytes,
};

/** What the server would let go without a word is looked for first, where the session may have any of it. */
function askForSession(source: Source, deadlines: TransferDeadlines): Asking<TransferState> {
  const { server, journal, leavesUnnamed, onNotification } = source;
  const { captureMs: deadlineMs, lateMs } = deadlines;
  const unnamedParse = leavesUnnamed ? null : journal.unnamedParse;
  const ask = (): Asking<TransferState> =>
    askForState(server, { deadlineMs, lateMs, maxBytes: MAX_STATE_BYTES, looks: true, unnamedParse, onUnasked: onNotification });
  const isPlain = (journal.held?.isEmpty ?? true) && !journal.unnamedUncertain && (unnamedParse === null || !journal.unnamedDoubted);
  if (isPlain) return ask();
  const asking = findObstacles(source, { deadlineMs: deadlineMs + lateMs, onUnasked: onNotification }).then((findings) => {
    if (findings.length > 0) throw new Refusal(findings);
    return ask();
  });
  return {
    answer: asking.then(({ answer }) => answer),
    quiet: asking.then(
      ({ quiet }) => quiet,
      (error: unknown) => {
        if (error instanceof Refusal) return;
        server.destroy(`it did not say what the session holds: ${error instanceof Error ? error.message : String(error)}`);
      },
    ),
  };
}

async function findObstacles({ server, journal, leavesUnnamed }: Source, options: ExchangeOptions): Promise<Finding[]> {
  const findings = await findHeld(server, journal.held, options);
  const { unnamedParse } = journal;
  const isDoubted = !leavesUnnamed && unnamedParse !== null && journal.unnamedDoubted;
  if (journal.unnamedUncertain || (isDoubted && !(await isStatementOf(server, unnamedParse, options))))
    findings.push(block('unnamed_statement', 'its unnamed statement is not known after an error', 'It can move after its next query.'));
  return findings;
}

function connectionOf({ connection }: CockroachSide): ServerConnection {
  if (connection === null) throw new Error('the session has not logged in on the target');
  return connection;
}

/** What the servers themselves decide; everything else that they report is the session's. */
const OF_THE_SERVER = new Set(
  'crdb_version server_version server_version_num server_encoding integer_datetimes is_superuser session_authorization node_id'.split(' '),
);

/** A restore sets variables without reporting them: what the target said at the login does not hold any more. */
function takeOverReported(source: ServerConnection, target: ServerConnection): void {
  for (const [name, value] of source.parameters) {
    if (target.parameters.has(name) && !OF_THE_SERVER.has(name)) target.noteParameter(Buffer.from(`${name}\0${value}\0`));
  }
}
