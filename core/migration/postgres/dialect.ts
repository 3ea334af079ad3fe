/** The dialect of plain PostgreSQL: captured from the catalogs and the proxy's journal, replayed, verified. */
import type { ServerConnection } from '../../backend/server-connection.ts';
import type { Finding } from '../../contract/index.ts';
import type { SessionJournal } from '../../session/journal.ts';
import { Server } from '../../wire/codes.ts';
import { frame } from '../../wire/messages.ts';
import { block, Refusal, warn, type CaptureRun, type Dialect, type Source, type StepDeadlines } from '../dialect.ts';
import { captureFrames, CaptureFailure, cleanUpCapture, readCapture, serverVersionOf, splitAtReady } from '../../state/capture.ts';
import { restore } from '../../state/restore.ts';
import type { SessionStateCapture } from '../../state/state.ts';
import { verify } from '../../state/verify.ts';

/** A session's state: what the server told, and the unnamed statement if it still exists. */
export interface PostgresState {
  readonly capture: SessionStateCapture;
  readonly unnamedParse: Buffer | null;
}

/** See the head of this file. */
export const postgresDialect: Dialect<PostgresState, SessionStateCapture, SessionStateCapture> = {
  name: 'postgres',

  async prepare(target, journal, deadlines) {
    return readOwn(target, journal.customNames, journal.unstableTypes, deadlines.restoreMs);
  },

  capture(source, deadlines) {
    return runCapture(source, deadlines);
  },

  judge(state, source) {
    return judge(state.capture, source.journal, source.server);
  },

  async restore(state, baseline, source, target, deadlines) {
    await refuseDifferentTypes(state.capture, target, deadlines);
    const input = {
      state: state.capture,
      unnamedParse: state.unnamedParse,
      customNames: source.journal.customNames,
      baseline,
      targetEncoding: target.parameters.get('client_encoding') ?? 'UTF8',
    };
    return restore(target, input, deadlines.restoreMs);
  },

  verify(state, baseline, restored) {
    verify(state.capture, baseline, restored);
  },

  size(state) {
    return state.capture.bytes + (state.unnamedParse?.length ?? 0);
  },
};

function runCapture(source: Source, deadlines: StepDeadlines): CaptureRun<PostgresState> {
  const { server, journal } = source;
  const unnamed = source.leavesUnnamed ? null : journal.unnamedParse;
  const { frames, readyCount } = captureFrames(serverVersionOf(server), journal.customNames, journal.unstableTypes, unnamed !== null);
  const exchange = server.exchange(frames, readyCount, {
    deadlineMs: deadlines.captureMs,
    onNotification: (body) => source.onNotification(frame(Server.NotificationResponse, body)),
  });
  const state = exchange.answer.then((messages) => {
    const [captured = [], described = []] = splitAtReady(messages);
    const missing = described.some((message) => message.type === Server.ErrorResponse);
    if (missing) journal.forgetUnnamed();
    return { capture: readCapture(captured), unnamedParse: unnamed === null || missing ? null : Buffer.from(unnamed) };
  });
  const quiet = state.then(
    () => {},
    async (error: unknown) => {
      // Too late or refused. A capture still running is cancelled; only when the cancel has arrived and the answer is in may
      // the client go on, or the cancel could hit its next query.
      if (!(error instanceof CaptureFailure) && server.isOpen) await Promise.all([server.cancel(() => server.isOpen), exchange.quiet]);
      await cleanUpCapture(server, deadlines.captureMs);
    },
  );
  return { state, quiet };
}

/** A capture on a connection of the proxy's own. */
async function readOwn(
  server: ServerConnection,
  customNames: Iterable<string>,
  types: Iterable<number>,
  deadlineMs: number,
): Promise<SessionStateCapture> {
  const { frames, readyCount } = captureFrames(serverVersionOf(server), customNames, types);
  return readCapture(await server.exchange(frames, readyCount, { deadlineMs }).answer);
}

function judge(state: SessionStateCapture, journal: SessionJournal, server: ServerConnection): Finding[] {
  const findings: Finding[] = [];
  if (state.pid !== server.pid) {
    findings.push(
      block(
        'pooler_between',
        `a pooler stands between Switchyard and the server (process ${state.pid} answers on the connection of ${server.pid})`,
        'Point the endpoint at the server itself.',
      ),
    );
  }
  if (state.temporaryObjects.length > 0) {
    findings.push(
      block(
        'temp_object',
        `it has temporary objects: ${state.temporaryObjects.join(', ')}`,
        'Drop them, or wait until the client disconnects.',
      ),
    );
  }
  if (state.heldCursors.length > 0) {
    findings.push(block('held_cursor', `it has cursors WITH HOLD open: ${state.heldCursors.join(', ')}`, 'Close them first.'));
  }
  if (state.advisoryLocks.length > 0) {
    findings.push(
      block('advisory_lock', `it holds session advisory locks: ${state.advisoryLocks.join(', ')}`, 'It can move once they are unlocked.'),
    );
  }
  if (state.temporarySlots > 0) findings.push(block('temp_slot', 'it has a temporary replication slot'));
  for (const statement of state.statements) {
    if (statement.text === null)
      findings.push(
        block('large_statement', `the text of prepared statement "${statement.name}" is longer than 256 KiB`, 'Deallocate it first.'),
      );
    else if (journal.nonConformingStrings && statement.text.includes('\\')) {
      findings.push(
        block(
          'string_syntax',
          `standard_conforming_strings was off in this session and prepared statement "${statement.name}" has a backslash: parsed again it could mean something else`,
          'Deallocate it first.',
        ),
      );
    }
  }
  if (journal.unnamedUncertain) {
    findings.push(
      block('unnamed_statement', 'its unnamed statement is not known after an error in a pipeline', 'It can move after its next query.'),
    );
  }
  if (journal.unnamedTooLarge > 0) {
    findings.push(
      block(
        'large_statement',
        `its unnamed statement (${journal.unnamedTooLarge} bytes) is too large to carry`,
        'It can move after its next query.',
      ),
    );
  }
  for (const channel of state.channels) {
    findings.push(
      warn(
        'channel',
        `it listens on "${channel}": notifications sent on the old server will no longer reach it`,
        'Move the sessions that notify, too.',
      ),
    );
  }
  if (journal.dynamicCustomSetting)
    findings.push(warn('custom_settings', 'it has set custom settings whose names could not be read: those would not be carried'));
  if (journal.typesIncomplete) findings.push(warn('types', 'it uses more types than were recorded: not all of their OIDs were compared'));
  return findings;
}

/** The same OID must name the same type on the target, or drivers and Parse messages would mean another type (section 7). */
async function refuseDifferentTypes(state: SessionStateCapture, target: ServerConnection, deadlines: StepDeadlines): Promise<void> {
  if (state.types.length === 0) return;
  const oids = state.types.map((type) => type.oid);
  const there = new Map((await readOwn(target, [], oids, deadlines.restoreMs)).types.map((type) => [type.oid, type.name]));
  const differing = state.types.filter((type) => there.get(type.oid) !== type.name);
  if (differing.length === 0) return;
  const names = differing.map(
    ({ oid, name }) => `${name.replace(/\/.$/, '')} (${oid} here, ${there.get(oid)?.replace(/\/.$/, '') ?? 'nothing'} there)`,
  );
  throw new Refusal([
    block(
      'type_oid',
      `types in use have other OIDs on the target: ${names.join(', ')}`,
      'Servers copied physically (base backup, pg_upgrade) keep their OIDs; a dump and restore does not.',
    ),
  ]);
}
