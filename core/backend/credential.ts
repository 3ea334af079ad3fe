/** Which credential a login at an endpoint's backend uses. */
import { passwordCredential, type Credential } from '../auth/credential.ts';
import type { EndpointSpec } from '../endpoints/map.ts';

export { credentialKey, NO_CREDENTIAL, passwordCredential, type Credential } from '../auth/credential.ts';

/**
 * The endpoint's own password; else what the client itself has proven with, as long as the login is under the client's own
 * name: it proves nothing about another role.
 */
export function credentialAt(spec: Pick<EndpointSpec, 'user' | 'password'>, user: string, captured: Credential): Credential {
  if (spec.password !== null && spec.password !== '') return passwordCredential(spec.password);
  return spec.user === '' || spec.user === user ? captured : passwordCredential(null);
}
