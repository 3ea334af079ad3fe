/**
 * Why a login does not work and what would make it work, in words: for the window's test of an endpoint, for the client that is
 * turned away, and for a session that cannot move. The table behind it: what the proxy knows of a client's password opens only
 * servers that ask for the same thing (a SCRAM proof only those with the same verifier).
 */
import type { Credential } from './credential.ts';

/** What went wrong. `backend` is `host:port`, `role` the one that logs in there; no field holds a secret. */
export type AuthenticationFacts =
  /** The server asks for something, and nothing is known. */
  | { readonly problem: 'no_credential'; readonly backend: string; readonly role: string; readonly asks: string }
  /** What the client has proven is of no use for what the server asks. */
  | {
      readonly problem: 'credential_unusable';
      readonly backend: string;
      readonly role: string;
      readonly asks: string;
      readonly has: Credential['kind'];
    }
  /** The client's SCRAM proof belongs to another verifier than this server's. */
  | { readonly problem: 'other_verifier'; readonly backend: string; readonly role: string }
  /** The server said no; `sqlState` and `words` are its own. */
  | {
      readonly problem: 'refused';
      readonly backend: string;
      readonly role: string;
      readonly has: Credential['kind'];
      readonly sqlState: string;
      readonly words: string;
    }
  /** Nobody can be authenticated against this server's verifiers. */
  | {
      readonly problem: 'verifiers_unreadable';
      readonly backend: string;
      readonly role: string;
      readonly endpoint: string;
      readonly why: 'permission' | 'unreachable';
      readonly words: string;
    }
  /** The user's verifier is an md5 one, and clients have to use SCRAM. */
  | { readonly problem: 'md5_verifier'; readonly role: string }
  /** The client would send its password in clear over a network. */
  | { readonly problem: 'clear_over_network' }
  /** The client is elsewhere, and its word alone would let it in. */
  | { readonly problem: 'trust_over_network' };

/** One line on what is wrong (no period at its end), and one on what to do. */
export interface Explanation {
  readonly message: string;
  readonly hint: string;
}

const STORE = 'Edit the endpoint and enter the password (or put it into its URL)';

/** See the head of this file. */
export function explainAuthentication(facts: AuthenticationFacts): Explanation {
  switch (facts.problem) {
    case 'no_credential':
      return {
        message: `${facts.backend} asks for ${facts.asks} for role "${facts.role}", and none is stored`,
        hint: `${STORE}, or into the password file (PGPASSFILE, else ~/.pgpass). Clients' own passwords are passed on when clients have to prove themselves and the endpoint names no other role.`,
      };
    case 'credential_unusable':
      return {
        message: `${facts.backend} asks for ${facts.asks} for role "${facts.role}", and the client has given ${given(facts.has)}, which cannot answer that`,
        hint: `${STORE}; or let pg_hba.conf of ${facts.backend} ask for ${facts.has === 'md5-hash' ? 'md5' : 'scram-sha-256'}.`,
      };
    case 'other_verifier':
      return {
        // A server asks for a role that it does not know as for any other, with a salt that it makes up.
        message: `${facts.backend} keeps the password of role "${facts.role}" under another verifier (another salt or iteration count) or does not know that role, so the client's login cannot be passed on to it`,
        hint: `Check that "${facts.role}" exists there. Then store a password for the endpoint; or make the verifiers equal: read rolpassword of "${facts.role}" from pg_authid of the server the clients are checked against, and set it on ${facts.backend} with ALTER ROLE … PASSWORD '<verifier>'.`,
      };
    case 'refused':
      return { message: `${facts.backend} refused the login: ${facts.words}`, hint: refusedHint(facts) };
    case 'verifiers_unreadable':
      return {
        message: `clients cannot be checked: the verifiers of endpoint ${facts.endpoint} (${facts.backend}) cannot be read: ${facts.words}`,
        hint:
          facts.why === 'permission'
            ? `Only a superuser may read pg_authid, and managed servers let nobody. Give the endpoint such a role instead of "${facts.role}"; or keep users in the settings and store a password for each endpoint.`
            : 'Start that server, or read the verifiers from another endpoint.',
      };
    case 'md5_verifier':
      return {
        message: `its verifier is an md5 one, which scram-sha-256 cannot use`,
        hint: `Set password_encryption to scram-sha-256 and the password of "${facts.role}" again; or choose md5 in the settings, which serves both.`,
      };
    case 'clear_over_network':
      return {
        message: 'passwords in clear are taken over TLS, or from this machine, only',
        hint: 'Connect with sslmode=require, or choose scram-sha-256 in the settings of Switchyard.',
      };
    case 'trust_over_network':
      return {
        message: 'clients without a password are let in from this machine only',
        hint: 'Choose another authentication than trust in the settings of Switchyard (scram-sha-256, say).',
      };
  }
}

function given(has: Credential['kind']): string {
  switch (has) {
    case 'scram-keys':
      return 'a SCRAM proof only (not its password)';
    case 'md5-hash':
      return 'an md5 answer only (not its password)';
    case 'password':
      return 'a password';
    case 'none':
      return 'nothing';
  }
}

function refusedHint({ backend, role, has, sqlState, words }: Extract<AuthenticationFacts, { problem: 'refused' }>): string {
  // The one message about it that has no detail of its own: the server's certificate is not the one that was seen from here.
  if (words.includes('channel binding check failed'))
    return `Something between Switchyard and ${backend} answers with a certificate of its own. Check the network, and use sslmode=verify-full.`;
  if (sqlState === '28000') return `Check that role "${role}" may log in at ${backend}, and what its pg_hba.conf says about this address.`;
  if (has === 'scram-keys' || has === 'md5-hash')
    return `The client's own login was passed on. Its password may have been changed on ${backend} meanwhile: log in again, or store a password for the endpoint.`;
  return `Check the user and password of the endpoint that points at ${backend} (it logs in as "${role}"); without a password of its own, the client's is passed on.`;
}
