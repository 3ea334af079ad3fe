/** The dialect of plain PostgreSQL: captured from the catalogs and the proxy's journal, replayed, verified. */
import type { ServerConnection } from '../../backend/server-connection.ts';
import type { Finding } from '../../contract/index.ts';
import type { SessionJournal } from '../../session/journal.ts';
import { block, Refusal, warn, type Asking, type Dialect, type Source } from '../dialect.ts';
import { captureFrames, readCapture, serverVersionOf } from '../../state/capture.ts';
import { fingerprintQuery, readFingerprint } from '../../state/fingerprint.ts';
import { restore, RestoreFailure } from '../../state/restore.ts';
import type { SessionStateCapture } from '../../state/state.ts';
import { verify } from '../../state/verify.ts';
import type { TransferDeadlines } from '../transfer/deadlines.ts';
import { isTakenOver, PostgresCarrying, whatToCarry } from './carry/carry.ts';
import { STANDBY } from '../preflight/recheck.ts';
import { askSession, thenAsk } from './asking.ts';
import { describeOn } from './describe.ts';
import { deadStatements, differingStatements } from './meaning.ts';
import { refusalOf } from './obstacles.ts';
import { journalMark, recheck, unnamedOf, type PostgresState } from './recheck.ts';
import { PostgresSide } from './side.ts';
import { typeBlocker, typesOn } from './types.ts';
import { understand } from './understanding.ts';

/** See the head of this file. */
export const postgresDialect: Dialect<PostgresState, PostgresSide, SessionStateCapture> = {
  name: 'postgres',

  async open(opening, { dialMs }) {
    const { journal } = opening;
    const close = (connection: ServerConnection): void => opening.release(connection);
    const connection = await opening.acquire();
    try {
      return new PostgresSide(connection, await readOwn(connection, journal.customNames, journal.unstableTypes, dialMs), close);
    } catch (error) {
      close(connection);
      throw error;
    }
  },

  capture: captureSession,

  judge(state, source) {
    return [...judge(state.capture, source.journal, source.server), ...deadStatements(state.understanding.shapes)];
  },

  takesOver: isTakenOver,

  carrying({ capture }, { server, carry }, { baseline }, { carryMs }) {
    const sameCluster = capture.cluster !== null && capture.cluster === baseline.cluster;
    const what = whatToCarry(capture, carry, sameCluster);
    return what === null ? null : new PostgresCarrying(what, server, capture, carry, carryMs);
  },

  recheck,

  async restore(state, source, { connection, baseline }, carrying, deadlines) {
    await refuseDifferentTypes(state, connection, deadlines);
    const input = {
      state: state.capture,
      unnamedParse: state.unnamedParse,
      customNames: source.journal.customNames,
      baseline,
      targetEncoding: connection.parameters.get('client_encoding') ?? 'UTF8',
    };
    const places = carrying && {
      beforeStatements: () => carrying.beforeStatements(connection),
      afterStatements: () => carrying.afterStatements(connection),
    };
    try {
      return await restore(connection, input, deadlines.restoreMs, places);
    } catch (error) {
      throw error instanceof RestoreFailure ? refusalOf(error) : error;
    }
  },

  async verify(state, _source, { baseline, connection }, restored, { verifyMs }) {
    // As of now: what a standby has reported of itself may be older.
    if (restored.inRecovery && !state.capture.inRecovery) throw new Refusal([STANDBY]);
    const { shapes } = state.understanding;
    const input = { serverVersion: restored.serverVersion, names: [...shapes.keys()], textEncoding: state.capture.textEncoding };
    const differing = differingStatements(shapes, await describeOn(connection, input, verifyMs));
    if (differing.length > 0) throw new Refusal(differing);
    verify(state.capture, baseline, restored);
  },

  listens({ capture }) {
    return capture.channels.length > 0;
  },

  size(state) {
    return state.capture.bytes + (state.unnamedParse?.length ?? 0);
  },
};

function captureSession(source: Source, { captureMs }: TransferDeadlines, again: boolean): Asking<PostgresState> {
  const { server, journal, dblinkSchema = null } = source;
  const unnamed = unnamedOf(source);
  const customNames = [...journal.customNames];
  const mark = journalMark(journal);
  const batch = captureFrames(serverVersionOf(server), customNames, journal.unstableTypes, {
    unnamed: unnamed !== null,
    dblinkSchema,
    besides: again ? fingerprintQuery(customNames, dblinkSchema) : [],
  });
  const captured = askSession(source, batch, captureMs, ({ queries, unnamedIsMissing }) => {
    if (unnamedIsMissing) journal.forgetUnnamed();
    return {
      capture: readCapture(queries),
      unnamedParse: unnamedIsMissing ? null : unnamed,
      fingerprint: again ? readFingerprint(queries) : null,
      customNames,
      mark,
    };
  });
  return thenAsk(captured, (state) => {
    const { answer, quiet } = understand(source, state.capture, state.unnamedParse !== null, captureMs);
    return { answer: answer.then((understanding) => ({ ...state, understanding })), quiet };
  });
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
  if (state.dblinkConnections.length > 0) {
    const names = state.dblinkConnections.join(', ');
    findings.push(block('dblink', `it has dblink connections open: ${names}`, 'It can move once they are disconnected.'));
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
async function refuseDifferentTypes(state: PostgresState, target: ServerConnection, { restoreMs }: TransferDeadlines): Promise<void> {
  const { types } = state.understanding;
  const oids = types.map(({ oid }) => oid);
  const blocker = typeBlocker(types, await typesOn(target, oids, state.capture.textEncoding, restoreMs));
  if (blocker !== null) throw new Refusal([blocker]);
}
