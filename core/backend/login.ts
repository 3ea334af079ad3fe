/** Who logs in at an endpoint's backend, and how a session's database translates when it moves. */
import { backendId, dialAddress, type EndpointSpec } from '../endpoints/map.ts';
import { tlsKey, type BackendTls } from '../tls/backend-tls.ts';
import type { BackendAddress } from './channel.ts';
import { credentialAt, credentialKey, NO_CREDENTIAL, type Credential } from './credential.ts';

/** Who logs in where. */
export interface Login {
  readonly backend: BackendAddress;
  readonly tls: BackendTls;
  readonly database: string;
  readonly role: string;
  readonly credential: Credential;
  /** Further startup parameters (application_name, options, …), without user and database. */
  readonly startup: ReadonlyMap<string, string>;
  /** `address:port` of the client that it is for: told to servers that want to know (CockroachDB). No part of its identity. */
  readonly clientAddress?: string | null;
}

/** A login asks for it several times, and never changes it. */
const startupKeys = new WeakMap<ReadonlyMap<string, string>, string>();

/** The identity of a set of startup parameters, independent of their order. */
export function startupKey(startup: ReadonlyMap<string, string>): string {
  const known = startupKeys.get(startup);
  if (known !== undefined) return known;
  const key = JSON.stringify([...startup].toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)));
  startupKeys.set(startup, key);
  return key;
}

/** The identity of a login, its credential included: equal keys are let in, and greeted, alike. */
export function loginKey(login: Login): string {
  const { backend, database, role, startup, credential, tls } = login;
  return JSON.stringify([backend.id, database, role, startupKey(startup), credentialKey(credential), tlsKey(tls)]);
}

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
  clientAddress: string | null | undefined = null,
): Login {
  return {
    backend: { id: backendId(spec), connect: dialAddress(spec) },
    tls: spec.tls,
    database,
    role: spec.user === '' ? user : spec.user,
    credential: credentialAt(spec, user, captured),
    startup,
    clientAddress,
  };
}

/** A session on the default database of its endpoint goes to the default database of the target, any other keeps its name. */
export function databaseAt(target: EndpointSpec, formerDefault: string, database: string): string {
  return database === formerDefault ? target.database : database;
}
