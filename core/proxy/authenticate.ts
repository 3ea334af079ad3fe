/** The stage in which a client proves who it is. */
import { NO_CREDENTIAL, type Credential } from '../backend/credential.ts';
import type { Incoming } from './incoming.ts';

/** What a client has proven. */
export interface Authenticated {
  readonly user: string;
  /** What it sent behind the authentication; to be forwarded once it has a server. */
  readonly rest: Buffer;
  /** What it has proven itself with; `none` where its word was enough. */
  readonly credential: Credential;
}

/** Trust, on loopback: the client's word is enough. */
export async function authenticate(incoming: Incoming): Promise<Authenticated> {
  return Promise.resolve({ user: incoming.parameters.get('user') ?? '', rest: incoming.rest, credential: NO_CREDENTIAL });
}
