/** Rebuilds a session on the connection that its token has opened (cockroach-migration.md section 2, step 11). */
import type { ServerConnection } from '../../backend/server-connection.ts';
import { splitAtReady } from '../../state/capture.ts';
import { Server, Status } from '../../wire/codes.ts';
import { readErrorFields } from '../../wire/errors.ts';
import { readCString, readDataRow, type Message } from '../../wire/message-reader.ts';
import { query } from '../../wire/messages.ts';
import { Refusal } from '../dialect.ts';
import { describeFrames, LOOK_GROUPS, lookFrames, lossBetween, readLook, readShapes, some, UNSEEN, type Look } from './look.ts';
import { refusalOf } from './refusals.ts';
import type { TransferState } from './transfer-state.ts';
import { describeUnnamed, parseUnnamed, shapeIn, type Shape } from './unnamed.ts';

const COLUMN = 'crdb_internal.deserialize_session';

/** The statement in its exact words; `state` is base64, and nothing else is put into SQL. */
export function restoreStatement(state: string): string {
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(state)) throw new RangeError('the state is not base64');
  return `SELECT ${COLUMN}(decode('${state}', 'base64'))`;
}

/** What the session looks like on the target. */
export interface Restored {
  readonly unnamed: Shape;
  readonly look: Look;
  readonly shapes: ReadonlyMap<string, Shape>;
}

/**
 * Restores, and looks at the result in the same breath. Rejects with `Refusal` (the server's words), or with what is wrong with its
 * answer; the connection is then to be closed. The unnamed statement comes last: if the server did not bring it along it is parsed again.
 */
export async function restoreSession(
  target: ServerConnection,
  { state, unnamed, look }: TransferState,
  deadlineMs: number,
): Promise<Restored> {
  const names = look.statements ?? new Set<string>();
  const looks = look === UNSEEN ? [] : [lookFrames];
  const describesUnnamed = unnamed === null ? [] : [describeUnnamed];
  const frames = Buffer.concat([query(restoreStatement(state)), ...describesUnnamed, ...looks, describeFrames(names)]);
  const seen = looks.length * LOOK_GROUPS;
  const { answer } = target.exchange(frames, 1 + describesUnnamed.length + seen + names.size, { deadlineMs });
  const [restored = [], ...groups] = splitAtReady(await answer);
  checkRestored(restored);
  const shape = unnamed === null ? null : shapeIn(groups.shift() ?? []);
  return {
    look: looks.length === 0 ? UNSEEN : readLook(groups.splice(0, seen)),
    shapes: readShapes(names, groups),
    unnamed: unnamed === null ? null : (shape ?? (await parseUnnamed(target, unnamed.parse, { deadlineMs }))),
  };
}

/** Throws when the session is not what it was. `shapes`: of its prepared statements, on the old server. */
export function checkSame({ unnamed, look }: TransferState, shapes: ReadonlyMap<string, Shape>, restored: Restored): void {
  const loss = lossBetween(look, restored.look);
  if (loss !== null) throw new Error(loss);
  if (unnamed !== null && restored.unnamed === null) throw new Error('the target does not take its unnamed statement');
  const others = [...shapes].flatMap(([name, shape]) => {
    const there = restored.shapes.get(name) ?? null;
    return shape === null || there?.equals(shape) === true ? [] : [`"${name}"`];
  });
  if (unnamed !== null && restored.unnamed?.equals(unnamed.shape) !== true) others.push('the unnamed one');
  if (others.length > 0)
    throw new Error(`prepared statements mean something else on the target, by their parameters or columns: ${some(others)}`);
}

/** Throws. */
function checkRestored(messages: readonly Message[]): void {
  const error = messages.find(({ type }) => type === Server.ErrorResponse);
  if (error !== undefined) throw new Refusal([refusalOf(readErrorFields(error.body), 'the target does not take the session')]);
  const [described, row, complete, ready] = messages;
  const types = String.fromCharCode(...messages.map(({ type }) => type));
  if (types !== 'TDCZ' || described === undefined || row === undefined || complete === undefined || ready === undefined)
    throw wrong(`messages ${types}`);
  const columns = described.body.readInt16BE(0);
  if (columns !== 1 || readCString(described.body, 2).text !== COLUMN) throw wrong('other columns');
  const [value = null, ...more] = readDataRow(row.body);
  if (value === null || more.length > 0 || value.toString('latin1') !== 't') throw wrong('not true');
  if (readCString(complete.body, 0).text !== 'SELECT 1') throw wrong('another command');
  if (ready.body[0] !== Status.Idle) throw wrong('a transaction is open');
}

function wrong(what: string): Error {
  return new Error(`the target answered the restore with something else (${what})`);
}
