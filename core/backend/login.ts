/** Who logs in at an endpoint's backend, and how a session's database translates when it moves. */
import { backendId, dialAddress, type EndpointSpec } from '../endpoints/map.ts';
import { credentialAt, NO_CREDENTIAL, type Credential } from './credential.ts';
import type { Login } from './dial.ts';

/**
 * The login of a client at an endpoint, as the endpoint's role when it names one (like PgBouncer's `user=`), else under the
 * client's own name. `captured` is what the client has proven itself with; see `credentialAt`.
 */
export function loginFor(
  spec: EndpointSpec,
  user: string,
  database: string,
  startup: ReadonlyMap<string, string>,
  captured: Credential = NO_CREDENTIAL,
): Login {
  return {
    backend: { id: backendId(spec), connect: dialAddress(spec) },
    tls: spec.tls,
    database,
    role: spec.user === '' ? user : spec.user,
    credential: credentialAt(spec, user, captured),
    startup,
  };
}

/** A session on the default database of its endpoint goes to the default database of the target, any other keeps its name. */
export function databaseAt(target: EndpointSpec, formerDefault: string, database: string): string {
  return database === formerDefault ? target.database : database;
}
