/**
 * Asks a CockroachDB server for a session, on the session's own connection: `SHOW TRANSFER STATE` and its answer, message by message
 * (cockroach-migration.md section 2, steps 3 to 8). Only at a safe point: nothing of the client's is outstanding, so whatever comes is
 * the answer, or what a server may say at any time (that goes to the client).
 */
import { randomUUID } from 'node:crypto';
import { AnswerTooLong, ExchangeDeadline, type ServerConnection } from '../../backend/server-connection.ts';
import { HEADER_BYTES, Server, Status } from '../../wire/codes.ts';
import { readErrorFields } from '../../wire/errors.ts';
import { readCString, readDataRow, type Message } from '../../wire/message-reader.ts';
import { query } from '../../wire/messages.ts';
import { splitAtReady } from '../../state/capture.ts';
import { block, Refusal, type Asking } from '../dialect.ts';
import { refusalIn, refusalOf } from './refusals.ts';
import { LOOK_GROUPS, lookFrames, readLook, UNSEEN, type Look } from './look.ts';
import { describeUnnamed, parseUnnamed, shapeIn } from './unnamed.ts';

/** What a server hands out of a session. */
export interface TransferState {
  /** Opaque, base64. */
  readonly state: string;
  /** Lets whoever has it in, as the session's user, for ten minutes: wiped by `forget`, never shown, logged or kept. */
  readonly token: Buffer;
  /** The session's unnamed statement: its Parse, and what it looks like; null: it has none. */
  readonly unnamed: Unnamed | null;
  /** What was seen of the session. */
  readonly look: Look;
  /** Size of the state, in bytes. */
  readonly bytes: number;
  /** Size of the message that brought it, its type byte included (seed: transfer_response.message_size). */
  readonly messageBytes: number;
}

/** See `TransferState.unnamed`. */
export interface Unnamed {
  readonly parse: Buffer;
  readonly shape: Buffer;
}

/** How the question is asked. */
export interface Question {
  /** How long the client waits for it, in milliseconds. */
  readonly deadlineMs: number;
  /** How long a late answer is waited for after that, before the old server is given up. */
  readonly lateMs: number;
  /** Longest state that is carried, in bytes. */
  readonly maxBytes: number;
  /** Whether the session is looked at in the same breath, so that what is restored can be compared with it. */
  readonly looks: boolean;
  /** The Parse of the unnamed statement that the session may have. */
  readonly unnamedParse: Buffer | null;
  /** Takes whole frames that belong to the client. */
  readonly onUnasked: (frame: Buffer) => void;
}

/** The longest state that a server with the default `sql.conn.max_read_buffer_message_size` (16 MiB) takes back, base64 as it is sent. */
export const MAX_STATE_BYTES = 12 * 1024 * 1024 - 1024;
/** What stands beside the state in the answer: token, key, what is seen in the same breath. */
const BESIDE_STATE = 1024 * 1024;
const COLUMNS = ['error', 'session_state_base64', 'session_revival_token_base64', 'transfer_key'];
/** What follows a column's name in a RowDescription: table, number, type, its length and modifier, format. */
const COLUMN_BYTES = 18;
const WHAT = 'the server does not hand out the session';
/** SQLSTATE of a prepared statement that is not there. */
const NO_STATEMENT = '26000';
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;

/** The answer is none to this question: whose answer comes next on the connection, nobody knows. */
export class ForeignAnswer extends Error {
  constructor(what: string) {
    super(`the server gave an answer that belongs to no question (${what})`);
    this.name = 'ForeignAnswer';
  }
}

/** The question in its exact words. `key` is a UUID. */
export function transferQuestion(key: string): string {
  return `SHOW TRANSFER STATE WITH '${key}'`;
}

/**
 * Asks. `answer` rejects with `Refusal` (the server's words, or a state too large), `ExchangeDeadline`, `ForeignAnswer` or `ServerLost`.
 * When `quiet` settles the connection is the client's again, its unnamed statement included, or it is closed: after a foreign answer, and
 * when the late answer did not come either.
 */
export function askForState(server: ServerConnection, question: Question, key: string = randomUUID()): Asking<TransferState> {
  const { maxBytes } = question;
  const plan = planOf(question, key);
  const exchange = server.exchange(plan.frames, plan.groups, {
    deadlineMs: question.deadlineMs + question.lateMs,
    onUnasked: question.onUnasked,
    limit: base64Length(maxBytes) + BESIDE_STATE,
  });
  const reading = exchange.answer.then(
    (messages) => read(plan, messages, key, maxBytes),
    (error: unknown): Reading => ({
      outcome: error instanceof AnswerTooLong ? tooLarge(null, maxBytes) : asError(error),
      isUnnamedGone: true,
    }),
  );
  const state = inTime(reading, question.deadlineMs).then(({ outcome }) => {
    if (outcome instanceof Error) throw outcome;
    return outcome;
  });
  return { answer: state, quiet: settle(server, reading, state, question) };
}

/** Overwrites what lets others in. */
export function forget({ token }: TransferState): void {
  token.fill(0);
}

/** What an answer came to. */
interface Reading {
  readonly outcome: TransferState | Error;
  /** The session had an unnamed statement before the question, and has none after it. */
  readonly isUnnamedGone: boolean;
}

/** What is sent, and where in the answer what stands: the groups of messages up to each ReadyForQuery. */
interface Plan {
  readonly frames: Buffer;
  readonly groups: number;
  readonly unnamedParse: Buffer | null;
  readonly looks: boolean;
}

/** All in one breath; the unnamed statement is looked at before and after the question, which may drop it. */
function planOf({ unnamedParse, looks }: Question, key: string): Plan {
  const unnamed = unnamedParse === null ? [] : [describeUnnamed];
  const frames = Buffer.concat([...unnamed, ...(looks ? [lookFrames] : []), query(transferQuestion(key)), ...unnamed]);
  return { frames, groups: 2 * unnamed.length + (looks ? LOOK_GROUPS : 0) + 1, unnamedParse, looks };
}

function read({ unnamedParse, looks }: Plan, messages: readonly Message[], key: string, maxBytes: number): Reading {
  const groups = splitAtReady(messages);
  const before = unnamedParse === null ? [] : (groups.shift() ?? []);
  const refused = refusedUnnamed(before);
  // What was not shown may have been there: it is parsed again in any case.
  if (refused !== null) return { outcome: refused, isUnnamedGone: true };
  const shape = unnamedParse === null ? null : shapeIn(before);
  const look = looks ? readLook(groups.splice(0, LOOK_GROUPS)) : UNSEEN;
  const [answer = [], after = []] = groups;
  const unnamed = unnamedParse === null || shape === null ? null : { parse: Buffer.from(unnamedParse), shape };
  const outcome = outcomeOf(() => readAnswer(answer, key, maxBytes, { unnamed, look }));
  return { outcome, isUnnamedGone: shape !== null && shapeIn(after) === null };
}

/** Why the server does not say whether there is an unnamed statement; null: it does. */
function refusedUnnamed(messages: readonly Message[]): Error | null {
  const error = messages.find(({ type }) => type === Server.ErrorResponse);
  if (error === undefined) return null;
  const { sqlState, message } = readErrorFields(error.body);
  return sqlState === NO_STATEMENT ? null : new Error(`the server does not show the unnamed statement: ${message}`);
}

function base64Length(bytes: number): number {
  return Math.ceil(bytes / 3) * 4;
}

/** Throws `ForeignAnswer`, `Refusal`, or an error that says what is wrong with the answer. */
function readAnswer(
  messages: readonly Message[],
  key: string,
  maxBytes: number,
  seen: Pick<TransferState, 'unnamed' | 'look'>,
): TransferState {
  const ready = messages.at(-1);
  if (ready?.body[0] !== Status.Idle) throw new ForeignAnswer('the session is in a transaction after it');
  const error = messages.find(({ type }) => type === Server.ErrorResponse);
  if (error !== undefined) throw new Refusal([refusalOf(readErrorFields(error.body), WHAT)]);
  const [described, row, complete, end] = messages;
  const types = String.fromCharCode(...messages.map(({ type }) => type));
  if (types !== 'TDCZ' || described === undefined || row === undefined || complete === undefined || end === undefined)
    throw new ForeignAnswer(`messages ${types}`);
  if (columnNames(described.body).join() !== COLUMNS.join()) throw new ForeignAnswer('other columns');
  const values = readDataRow(row.body);
  const [failure = null, state = null, token = null, sentKey = null] = values;
  if (values.length !== COLUMNS.length) throw new ForeignAnswer(`${values.length} values`);
  if (sentKey?.toString('latin1') !== key) throw new ForeignAnswer('another key');
  if (readCString(complete.body, 0).text !== 'SHOW TRANSFER STATE 1') throw new ForeignAnswer('another command');
  if (failure !== null && failure.length > 0) throw new Refusal([refusalIn(failure.toString('utf8'), WHAT)]);
  const messageBytes = HEADER_BYTES + row.body.length;
  try {
    return check({ state: state?.toString('latin1') ?? '', token: Buffer.from(token ?? []), ...seen, messageBytes }, maxBytes);
  } finally {
    token?.fill(0);
  }
}

function check(found: Omit<TransferState, 'bytes'>, maxBytes: number): TransferState {
  const bytes = Buffer.byteLength(found.state, 'base64');
  if (bytes > maxBytes) throw tooLarge(bytes, maxBytes);
  if (!BASE64.test(found.state) || !BASE64.test(found.token.toString('latin1')))
    throw new Error('the server handed out a session that is not base64');
  return { ...found, bytes };
}

function tooLarge(bytes: number | null, maxBytes: number): Refusal {
  const size = bytes === null ? `more than ${mebibytes(maxBytes)}` : mebibytes(bytes);
  return new Refusal([
    block(
      'state_too_large',
      `its state is too large to be carried: ${size}, at most ${mebibytes(maxBytes)} are taken back by a server`,
      'Most of it is prepared statements: DEALLOCATE some, or let the driver keep fewer of them.',
    ),
  ]);
}

function mebibytes(bytes: number): string {
  return `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
}

function columnNames(body: Buffer): string[] {
  const names: string[] = [];
  for (let at = 2, left = body.readInt16BE(0); left > 0; left--) {
    const name = readCString(body, at);
    names.push(name.text);
    at = name.end + COLUMN_BYTES;
  }
  return names;
}

/** Rejects with `ExchangeDeadline` when the promise takes longer; what becomes of it then is somebody else's concern. */
function inTime<T>(promise: Promise<T>, deadlineMs: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new ExchangeDeadline(deadlineMs)), deadlineMs);
    void promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

/** Never rejects. */
async function settle(
  server: ServerConnection,
  reading: Promise<Reading>,
  state: Promise<TransferState>,
  question: Question,
): Promise<void> {
  const isLate = await state.then(
    () => false,
    (error: unknown) => error instanceof ExchangeDeadline,
  );
  // Only when the cancel has arrived and the answer is in may the client go on: either could hit its next query.
  if (isLate && server.isOpen) await Promise.all([server.cancel(() => server.isOpen), reading]);
  const { outcome, isUnnamedGone } = await reading;
  if (isLate && !(outcome instanceof Error)) forget(outcome);
  if (outcome instanceof ExchangeDeadline)
    server.destroy(`the server did not answer within ${question.deadlineMs + question.lateMs} ms, when asked for the session`);
  else if (outcome instanceof ForeignAnswer) server.destroy(outcome.message);
  else if (server.isOpen && isUnnamedGone && question.unnamedParse !== null)
    await parseUnnamed(server, question.unnamedParse, question).catch((error: unknown) => server.destroy(asError(error).message));
}

function outcomeOf<T>(make: () => T): T | Error {
  try {
    return make();
  } catch (error) {
    return asError(error);
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
