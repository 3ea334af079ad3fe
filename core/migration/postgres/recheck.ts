/** The second look at a captured session, and what it brings up to date on the target. */
import type { ServerConnection } from '../../backend/server-connection.ts';
import { serverVersionOf } from '../../state/capture.ts';
import { fingerprintFrames, readFingerprint } from '../../state/fingerprint.ts';
import { RestoreFailure } from '../../state/restore.ts';
import type { SessionStateCapture, UnstableType } from '../../state/state.ts';
import type { SessionJournal } from '../../session/journal.ts';
import { Server } from '../../wire/codes.ts';
import { readErrorFields } from '../../wire/errors.ts';
import { close, describe, syncMessage } from '../../wire/messages.ts';
import { Refusal, type Asking, type Recheck, type Source } from '../dialect.ts';
import type { TransferDeadlines } from '../transfer/deadlines.ts';
import { askSession } from './asking.ts';
import { readShape, type StatementShape } from './describe.ts';
import { differingStatements } from './meaning.ts';
import { refusalOf } from './obstacles.ts';
import type { PostgresSide } from './side.ts';
import { unstableTypesIn } from './types.ts';
import type { Understanding } from './understanding.ts';

/** A session's state: what the server told, and the unnamed statement if it still exists. */
export interface PostgresState {
  readonly capture: SessionStateCapture;
  /** What its statements mean where it is, and the types that they and its client use. */
  readonly understanding: Understanding;
  /** The Parse frame that made it. */
  readonly unnamedParse: Buffer | null;
  /** Of the same moment; null: none was taken. */
  readonly fingerprint: string | null;
  /** The custom settings that were asked for, and what else the journal knew. */
  readonly customNames: readonly string[];
  readonly mark: string;
}

/** The Parse frame of the session's unnamed statement, where it is to be carried; a copy. */
export function unnamedOf({ leavesUnnamed, journal }: Source): Buffer | null {
  const frame = leavesUnnamed ? null : journal.unnamedParse;
  return frame === null ? null : Buffer.from(frame);
}

/** What the journal knows that a capture and its judgement depend on, the unnamed statement itself left out. */
export function journalMark(journal: SessionJournal): string {
  return JSON.stringify([
    journal.customNames.size,
    journal.dynamicCustomSetting,
    journal.unstableTypes.size,
    journal.typesIncomplete,
    journal.nonConformingStrings,
    journal.unnamedUncertain,
    journal.unnamedTooLarge,
  ]);
}

/** See `Dialect.recheck`. */
export function recheck(state: PostgresState, source: Source, side: PostgresSide, deadlines: TransferDeadlines): Asking<Recheck> {
  const { server, journal } = source;
  if (state.fingerprint === null || journalMark(journal) !== state.mark)
    return { answer: Promise.resolve('changed'), quiet: Promise.resolve() };
  const unnamed = unnamedOf(source);
  const batch = fingerprintFrames(serverVersionOf(server), state.customNames, unnamed !== null, source.dblinkSchema ?? null);
  return askSession(source, batch, deadlines.checkMs, async ({ queries, unnamed: described, unnamedIsMissing }) => {
    if (unnamedIsMissing) journal.forgetUnnamed();
    if (readFingerprint(queries) !== state.fingerprint) return 'changed';
    const now = unnamedIsMissing ? null : unnamed;
    const isThere = now === null || state.unnamedParse === null ? now === state.unnamedParse : now.equals(state.unnamedParse);
    if (isThere) return 'same';
    const shape = now === null ? null : readShape(described);
    if (shape !== null && usesOtherTypes(shape, state.understanding.types)) return 'changed';
    await bringUnnamed(side.connection, now, shape, deadlines.checkMs);
    return 'same';
  });
}

/** Types that nobody has compared yet. */
function usesOtherTypes(shape: StatementShape, known: readonly UnstableType[]): boolean {
  const oids = new Set(known.map(({ oid }) => oid));
  return unstableTypesIn(new Map([['', shape]])).some((oid) => !oids.has(oid));
}

/** `here`: what it means where the session is; null with `parseFrame`. */
async function bringUnnamed(
  target: ServerConnection,
  parseFrame: Buffer | null,
  here: StatementShape | null,
  deadlineMs: number,
): Promise<void> {
  const frames = Buffer.concat([...(parseFrame === null ? [close('S', '')] : [parseFrame, describe('S', '')]), syncMessage]);
  const answer = await target.exchange(frames, 1, { deadlineMs }).answer;
  const error = answer.find((message) => message.type === Server.ErrorResponse);
  if (error !== undefined) {
    const { message, sqlState } = readErrorFields(error.body);
    const words = `the target cannot take over the unnamed prepared statement: ${message} (${sqlState})`;
    throw refusalOf(new RestoreFailure(words, { kind: 'statement', name: '', sqlState }));
  }
  const there = readShape(answer);
  if (here === null || there === null) return;
  const differing = differingStatements(new Map([['', here]]), new Map([['', there]]));
  if (differing.length > 0) throw new Refusal(differing);
}
