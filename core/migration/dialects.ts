/** Which dialect a session's server speaks. */
import type { ServerConnection } from '../backend/server-connection.ts';
import type { AnyDialect } from './dialect.ts';
import { postgresDialect } from './postgres/dialect.ts';

/** The dialect of `server`; that of PostgreSQL for a session that has none at the moment. */
export function dialectOf(_server: ServerConnection | null): AnyDialect {
  return postgresDialect;
}
