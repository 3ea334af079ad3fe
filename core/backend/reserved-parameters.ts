/**
 * Startup parameters that belong between a proxy and a CockroachDB server, never to a client (cockroach-migration.md section 3). The
 * server folds the names of parameters to lower case, so any case of them counts.
 */

/** Lets in whoever has it, without a password. */
export const REVIVAL_TOKEN = 'crdb:session_revival_token_base64';
/** The client's `address:port`, for the server's logs. */
export const REMOTE_ADDRESS = 'crdb:remote_addr';

/** The name under which the server would read a parameter, if that is a reserved one; null: it is a client's own. */
export function reservedName(name: string): typeof REVIVAL_TOKEN | typeof REMOTE_ADDRESS | null {
  const folded = name.toLowerCase();
  return folded === REVIVAL_TOKEN || folded === REMOTE_ADDRESS ? folded : null;
}

/** The parameters that are a client's own, as they stand. */
export function withoutReserved(parameters: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  for (const name of parameters.keys()) {
    if (reservedName(name) !== null) return new Map([...parameters].filter(([other]) => reservedName(other) === null));
  }
  return parameters;
}
