/**
 * What can be seen of a session on its server: the names of its prepared statements and its variables. Seen before the move and after it,
 * because CockroachDB only logs what it fails to restore (cockroach-migration.md sections 6 and 10). All in the extended protocol, under
 * names of the proxy's own: the session's unnamed statement stays.
 */
import type { ExchangeOptions, ServerConnection } from '../../backend/server-connection.ts';
import { splitAtReady } from '../../state/capture.ts';
import type { Message } from '../../wire/message-reader.ts';
import { describe, syncMessage } from '../../wire/messages.ts';
import { extended, GROUPS_EACH, OWN, rowsIn } from './own-statement.ts';
import { shapeIn, type Shape } from './unnamed.ts';

/** What was seen; null: the server would not tell. */
export interface Look {
  readonly statements: ReadonlySet<string> | null;
  readonly settings: ReadonlyMap<string, string> | null;
}

/** Nothing was asked. */
export const UNSEEN: Look = { statements: null, settings: null };

const QUESTIONS = ['SELECT name FROM pg_catalog.pg_prepared_statements', 'SELECT name, setting FROM pg_catalog.pg_settings'];

/** The messages of a look, and how often the server gets ready in the answer. */
export const lookFrames = Buffer.concat(QUESTIONS.map((sql) => extended(sql)));
export const LOOK_GROUPS = QUESTIONS.length * GROUPS_EACH;

/** Variables that say where a session is, not what it has set. */
const OF_THE_PLACE = new Set(
  'node_id session_id locality crdb_version server_version server_version_num transaction_status tracing transaction_timestamp'.split(' '),
);

/** Reads the answer to `lookFrames`, already split. */
export function readLook(groups: readonly (readonly Message[])[]): Look {
  const [statements, settings] = [rowsIn(groups[0]), rowsIn(groups[GROUPS_EACH])];
  const isForeign = ([name]: readonly string[]): boolean => name !== undefined && !OF_THE_PLACE.has(name);
  return {
    statements: statements === null ? null : new Set(statements.flatMap(([name]) => (name === undefined || name === OWN ? [] : [name]))),
    settings: settings === null ? null : new Map(settings.filter(isForeign).map(([name = '', value = '']) => [name, value])),
  };
}

/** The messages that ask what statements look like. */
export function describeFrames(names: Iterable<string>): Buffer {
  return Buffer.concat([...names].flatMap((name) => [describe('S', name), syncMessage]));
}

/**
 * What statements look like; one that is not there has no shape. None at all when the server does not answer in time: it is closed then,
 * because its answer could come at any time. Never rejects.
 */
export async function shapesOf(
  server: ServerConnection,
  names: ReadonlySet<string>,
  options: ExchangeOptions,
): Promise<Map<string, Shape>> {
  if (names.size === 0 || !server.isOpen) return new Map();
  const { answer } = server.exchange(describeFrames(names), names.size, options);
  try {
    return readShapes(names, splitAtReady(await answer));
  } catch (error) {
    server.destroy(`it did not say what prepared statements look like: ${error instanceof Error ? error.message : String(error)}`);
    return new Map();
  }
}

/** Reads the answer to `describeFrames`, already split. */
export function readShapes(names: Iterable<string>, groups: readonly (readonly Message[])[]): Map<string, Shape> {
  return new Map([...names].map((name, index) => [name, shapeIn(groups[index] ?? [])]));
}

/** What the session had and has not any more, in words; null: nothing. */
export function lossBetween(before: Look, after: Look): string | null {
  const gone = [...(before.statements ?? [])].filter((name) => after.statements !== null && !after.statements.has(name));
  if (gone.length > 0) return `prepared statements did not come along: ${some(gone)}`;
  const changed = [...(before.settings ?? [])].flatMap(([name, value]) => {
    const there = after.settings?.get(name);
    return there === undefined || there === value ? [] : [`${name} (${value} here, ${there} there)`];
  });
  return changed.length > 0 ? `settings came out differently: ${some(changed)}` : null;
}

const MOST_NAMED = 5;

/** The first few, and how many more. */
export function some(words: readonly string[]): string {
  const rest = words.length - MOST_NAMED;
  return rest <= 0 ? words.join(', ') : `${words.slice(0, MOST_NAMED).join(', ')} and ${rest} more`;
}
