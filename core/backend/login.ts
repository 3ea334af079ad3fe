/** Who logs in at an endpoint's backend, and how a session's database translates when it moves. */
import { backendId, dialAddress, type EndpointSpec } from '../endpoints/map.ts';
import type { Login } from './dial.ts';

/**
 * The login of a client at an endpoint. The endpoint's role and password are used when it names a role (like PgBouncer's
 * `user=`), else the client's own name without a password.
 */
export function loginFor(spec: EndpointSpec, user: string, database: string, startup: ReadonlyMap<string, string>): Login {
  return {
    backend: { id: backendId(spec), connect: dialAddress(spec) },
    database,
    role: spec.user === '' ? user : spec.user,
    password: spec.password,
    startup,
  };
}

/** A session on the default database of its endpoint goes to the default database of the target, any other keeps its name. */
export function databaseAt(target: EndpointSpec, formerDefault: string, database: string): string {
  return database === formerDefault ? target.database : database;
}
