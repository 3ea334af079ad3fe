/**
 * Restores a captured session on another server and proves it: everything is written at once, each group behind its own Sync,
 * the last group being a capture of the result (postgres-session-state.md sections 5, 6 and 11).
 */
import type { ServerConnection } from '../backend/server-connection.ts';
import { Server } from '../wire/codes.ts';
import { readErrorFields } from '../wire/errors.ts';
import type { Message } from '../wire/message-reader.ts';
import { bind, close, execute, parse, syncMessage } from '../wire/messages.ts';
import { captureFrames, readCapture, serverVersionOf, splitAtReady } from './capture.ts';
import { prepareText } from './prepare-text.ts';
import { quoteIdentifier, SEMANTIC_SETTINGS, SET_SETTINGS, textArray, settingKey } from './queries.ts';
import type { SessionStateCapture } from './state.ts';
import { TIMEOUTS } from './timeouts.ts';

/** What of a session the target did not take over, and its SQLSTATE. */
export interface RestoreObstacle {
  readonly kind: 'setting' | 'role' | 'statement' | 'other';
  /** Of the setting, role or statement (the unnamed one is `''`). */
  readonly name: string;
  readonly sqlState: string;
}

/** A step of the restore failed on the target: the message names the object and what the server said. */
export class RestoreFailure extends Error {
  /** Null: it failed without the server's help. */
  readonly obstacle: RestoreObstacle | null;
  constructor(message: string, obstacle: RestoreObstacle | null = null) {
    super(message);
    this.name = 'RestoreFailure';
    this.obstacle = obstacle;
  }
}

/** What is to be restored: the captured state, the frame of the unnamed statement, and the target as it was before. */
export interface RestoreInput {
  readonly state: SessionStateCapture;
  readonly unnamedParse: Buffer | null;
  readonly customNames: Iterable<string>;
  readonly baseline: SessionStateCapture;
  /** The target's client_encoding before the restore. */
  readonly targetEncoding: string;
}

interface Group {
  /** What it does, for a failure: `setting …`, `prepared statement "x"`. */
  readonly label: string;
  readonly frames: readonly Buffer[];
  readonly kind: RestoreObstacle['kind'];
  /** What it sets or prepares; for a group of Parses in their order, so that the failing one can be named. */
  readonly names: readonly string[];
}

/** Settings that are not restored as such: they belong to the transaction, or have their own step. */
const OWN_STEP = new Set([
  'transaction_isolation',
  'transaction_read_only',
  'transaction_deferrable',
  'role',
  'session_authorization',
  'client_encoding',
]);
const PARSES_PER_SYNC = 50;

/** What else is done on the target in between; each is awaited, and nothing is under way meanwhile. */
export interface RestorePlaces {
  /** Settings and role are restored. */
  beforeStatements(): Promise<void>;
  /** The named statements are; timeouts, client_encoding and the unnamed statement are not yet. */
  afterStatements(): Promise<void>;
}

/** Restores and captures the result; rejects with `RestoreFailure`, `ServerLost`, `ExchangeDeadline`, or what one of `places` rejects with. */
export async function restore(
  target: ServerConnection,
  input: RestoreInput,
  deadlineMs: number,
  places: RestorePlaces | null = null,
): Promise<SessionStateCapture> {
  const { settings, statements, rest } = restoreGroups(input);
  if (places === null) return await replay(target, [...settings, ...statements, ...rest], input, deadlineMs);
  await send(target, settings, deadlineMs);
  await places.beforeStatements();
  await send(target, statements, deadlineMs);
  await places.afterStatements();
  return await replay(target, rest, input, deadlineMs);
}

async function send(target: ServerConnection, groups: readonly Group[], deadlineMs: number): Promise<void> {
  if (groups.length === 0) return;
  const frames = Buffer.concat(groups.flatMap((group) => [...group.frames, syncMessage]));
  const answers = splitAtReady(await target.exchange(frames, groups.length, { deadlineMs }).answer);
  for (const [index, group] of groups.entries()) check(group, answers[index] ?? []);
}

async function replay(
  target: ServerConnection,
  groups: readonly Group[],
  input: RestoreInput,
  deadlineMs: number,
): Promise<SessionStateCapture> {
  const verification = captureFrames(
    serverVersionOf(target),
    [...input.customNames, ...librarySettings(input.state)],
    input.state.types.map((type) => type.oid),
  );
  const frames = Buffer.concat([...groups.flatMap((group) => [...group.frames, syncMessage]), verification.frames]);
  const answers = splitAtReady(await target.exchange(frames, groups.length + verification.readyCount, { deadlineMs }).answer);
  for (const [index, group] of groups.entries()) check(group, answers[index] ?? []);
  return readCapture(answers[groups.length] ?? []);
}

function check(group: Group, answer: readonly Message[]): void {
  const error = answer.find((message) => message.type === Server.ErrorResponse);
  if (error === undefined) return;
  const { message, sqlState } = readErrorFields(error.body);
  const { kind, names } = group;
  const done = answer.filter(({ type }) => type === Server.ParseComplete).length;
  const name = (kind === 'setting' ? names.find((each) => message.includes(`"${each}"`)) : names[names.length > 1 ? done : 0]) ?? '';
  const label = kind === 'statement' && name !== '' ? `prepared statement "${name}"` : group.label;
  throw new RestoreFailure(`the target cannot take over ${label}: ${message} (${sqlState})`, { kind, name, sqlState });
}

function restoreGroups({
  state,
  unnamedParse,
  baseline,
  targetEncoding,
}: RestoreInput): Record<'settings' | 'statements' | 'rest', Group[]> {
  const encoding = state.textEncoding;
  const run = (label: string, sql: string, kind: Group['kind'], names: readonly string[], parameters: readonly string[] = []): Group => ({
    label,
    kind,
    names,
    frames: [parse('', sql, [], encoding), bind('', '', parameters, { encoding }), execute('')],
  });
  const set = (label: string, entries: readonly (readonly [string, string])[]): Group[] =>
    entries.length === 0
      ? []
      : [
          run(
            `${label} ${entries.map(([name]) => name).join(', ')}`,
            SET_SETTINGS,
            'setting',
            entries.map(([name]) => name),
            [textArray(entries.map(([name]) => name)), textArray(entries.map(([, value]) => value))],
          ),
        ];
  const settings = settingsToCarry(state, baseline);
  // Texts travel in the database's own terms; the client's encoding comes back right before its own frame.
  const neutral = encoding === 'utf8' ? 'UTF8' : 'SQL_ASCII';
  const encodingAtEnd = state.settings.get('client_encoding')?.value ?? targetEncoding;
  const before = [
    targetEncoding === neutral ? [] : set('setting', [['client_encoding', neutral]]),
    set(
      'setting',
      settings.filter(([name]) => !TIMEOUTS.has(name)),
    ),
    set(
      'custom setting',
      [...state.custom].filter(([name, value]) => baseline.custom.get(name) !== value),
    ),
    state.sessionUser === baseline.sessionUser
      ? []
      : [run('session authorization', `SET SESSION AUTHORIZATION ${quoteIdentifier(state.sessionUser)}`, 'role', [state.sessionUser])],
    state.role === baseline.role
      ? []
      : [
          run(`role ${state.role}`, state.role === 'none' ? 'SET ROLE NONE' : `SET ROLE ${quoteIdentifier(state.role)}`, 'role', [
            state.role,
          ]),
        ],
  ];
  const rest = [
    state.channels.map((channel) => run(`LISTEN ${quoteIdentifier(channel)}`, `LISTEN ${quoteIdentifier(channel)}`, 'other', [])),
    set(
      'setting',
      settings.filter(([name]) => TIMEOUTS.has(name)),
    ),
    encodingAtEnd === neutral ? [] : set('setting', [['client_encoding', encodingAtEnd]]),
    // The restore itself has left one behind where the client has none.
    [unnamed(unnamedParse ?? close('S', ''))],
  ];
  return { settings: before.flat(), statements: statementGroups(state), rest: rest.flat() };
}

function unnamed(frame: Buffer): Group {
  return { label: 'the unnamed prepared statement', kind: 'statement', names: [''], frames: [frame] };
}

/** Settings of a library that is loaded here, and perhaps not there: they are custom settings until it is. */
function librarySettings({ settings }: SessionStateCapture): string[] {
  return [...settings].filter(([name, { source }]) => source === 'session' && name.includes('.')).map(([name]) => name);
}

/** What was set in the session, plus what its old server's defaults gave it and the target's would not. */
export function settingsToCarry(state: SessionStateCapture, baseline: SessionStateCapture): [string, string][] {
  const carried: [string, string][] = [];
  for (const [name, setting] of state.settings) {
    // What is known by name as well goes as its client wrote it: that is understood whether its library is loaded or not.
    if (OWN_STEP.has(name) || state.custom.has(settingKey(name))) continue;
    const there = baseline.settings.get(name);
    const differs = SEMANTIC_SETTINGS.includes(name) && there !== undefined && there.value !== setting.value;
    if (setting.source === 'session' || differs) carried.push([name, setting.value]);
  }
  for (const [name, value] of state.guarded) {
    const there = baseline.guarded.get(name);
    // What the target does not know it refuses; a timeout that is off needs not be known.
    if (there === undefined ? value !== '0' : there !== value) carried.push([name, value]);
  }
  return carried;
}

function statementGroups(state: SessionStateCapture): Group[] {
  const groups: Group[] = [];
  const byProtocol = state.statements.filter((statement) => !statement.fromSql);
  for (let i = 0; i < byProtocol.length; i += PARSES_PER_SYNC) {
    const batch = byProtocol.slice(i, i + PARSES_PER_SYNC);
    groups.push({
      label: 'prepared statements',
      kind: 'statement',
      names: batch.map((statement) => statement.name),
      frames: batch.map((statement) => parse(statement.name, statement.text ?? '', statement.parameterTypes, state.textEncoding)),
    });
  }
  const standard = state.settings.get('standard_conforming_strings')?.value !== 'off';
  for (const statement of state.statements) {
    if (!statement.fromSql) continue;
    const sql = prepareText(statement.name, statement.text ?? '', standard);
    if (sql === null) throw new RestoreFailure(`the text of prepared statement "${statement.name}" cannot be told from its neighbours`);
    groups.push({
      label: `prepared statement "${statement.name}"`,
      kind: 'statement',
      names: [statement.name],
      frames: [parse('', sql, [], state.textEncoding), bind('', ''), execute('')],
    });
  }
  return groups;
}
