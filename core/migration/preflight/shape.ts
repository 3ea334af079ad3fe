/**
 * The shape of a database as far as sessions rely on it: types, columns, functions, and which custom settings are spoken of. Read on a
 * connection of the proxy's own, compared by fingerprint (postgres-session-state.md section 10).
 */
import type { ServerConnection } from '../../backend/server-connection.ts';
import { settingsInFunctions } from '../../state/baseline.ts';
import { query } from '../../wire/messages.ts';
import { ask } from './ask.ts';
import { COLUMNS, CUSTOM_NAMES, DYNAMIC_SETTERS, FUNCTIONS, PLAIN_SESSION, TYPES } from './queries.ts';

/** Equal hashes: equal parts. */
interface Part {
  readonly count: number;
  readonly hash: string;
}

/** See the head of this file. */
export interface DatabaseShape {
  /** OIDs included. */
  readonly types: Part;
  readonly columns: Part;
  readonly functions: Part;
  /** Names of custom settings (`a.b`) in functions, policies, defaults, views and role settings. */
  readonly customNames: readonly string[];
  /** Functions that set custom settings by a name that only who calls them knows. */
  readonly dynamicSetters: readonly string[];
}

/** Reads it; changes settings of the connection, which is of no other use afterwards. Rejects with what the server refused. */
export async function readShape(server: ServerConnection, deadlineMs: number): Promise<DatabaseShape> {
  await server.exchange(query(PLAIN_SESSION), 1, { deadlineMs }).answer;
  const part = async (sql: string): Promise<Part> => {
    const [count, hash] = (await ask(server, sql, deadlineMs))[0] ?? [];
    return { count: Number(count ?? 0), hash: hash ?? '' };
  };
  const types = await part(TYPES);
  const columns = await part(COLUMNS);
  const functions = await part(FUNCTIONS);
  const spokenOf = (await ask(server, CUSTOM_NAMES, deadlineMs)).flatMap(([name]) => name ?? []);
  const dynamicSetters = (await ask(server, DYNAMIC_SETTERS, deadlineMs)).flatMap(([name]) => name ?? []);
  const { names } = await settingsInFunctions(server, deadlineMs);
  return { types, columns, functions, customNames: [...new Set([...spokenOf, ...names])], dynamicSetters };
}
