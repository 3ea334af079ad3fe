/** Which dialect a session's server speaks. */
import type { ServerConnection } from '../backend/server-connection.ts';
import { cockroachDialect } from './cockroach/dialect.ts';
import type { AnyDialect } from './dialect.ts';
import { postgresDialect } from './postgres/dialect.ts';

/** The dialect of `server`; that of PostgreSQL for a session that has none at the moment. */
export function dialectOf(server: ServerConnection | null): AnyDialect {
  return server?.parameters.has('crdb_version') === true ? cockroachDialect : postgresDialect;
}
