/** Opens a connection to a backend and logs in. */
import { openChannel, type Channel, type Encryption } from './channel.ts';
import { DialFailure } from './dial-failure.ts';
import { DialLimit, type LimitOptions } from './dial-limit.ts';
import { asFailure, logIn } from './log-in.ts';
import { LoginDialogue, type LoginExtras } from './login-dialogue.ts';
import type { Login } from './login.ts';
import type { ServerConnection } from './server-connection.ts';

export { DialFailure } from './dial-failure.ts';
export { DIAL_DEADLINE_MS } from './dial-limit.ts';
export { startupKey, type Login } from './login.ts';

/** `passwordFile` is asked when the login's credential does not do. */
export interface DialOptions extends LimitOptions, Partial<Omit<LoginExtras, 'token'>> {}

/**
 * Connects and logs in, encrypted as the login's `tls` says; one deadline for everything, its second attempt included. Rejects with
 * `DialFailure`; nothing is left open then.
 */
export async function dial(login: Login, options: DialOptions = {}): Promise<ServerConnection> {
  const limit = new DialLimit(login.backend, options);
  try {
    const extras = { passwordFile: null, ...options };
    let earlier: { failure: DialFailure; encrypted: boolean } | null = null;
    for (const encryption of encryptionsOf(login)) {
      const outcome = await attempt(login, encryption, limit, extras);
      if ('connection' in outcome) return outcome.connection;
      const { failure, encrypted } = outcome;
      const telling: DialFailure = earlier === null ? failure : moreTelling(earlier.failure, failure, encrypted);
      if (!outcome.otherMayDo || limit.signal.aborted) throw telling;
      earlier = { failure: telling, encrypted };
    }
    throw earlier?.failure ?? new DialFailure('protocol', 'there was nothing to try');
  } finally {
    limit.end();
  }
}

/**
 * What libpq tries one after the other (fe-connect.c, `select_next_encryption_method`): `allow` without TLS first, `prefer` with it, each
 * the other way too if that failed.
 */
function encryptionsOf({ backend, tls }: Login): readonly Encryption[] {
  if ('path' in backend.connect) return ['none'];
  switch (tls.mode) {
    case 'disable':
      return ['none'];
    case 'allow':
      return ['none', 'required'];
    case 'prefer':
      return ['if-offered', 'none'];
    default:
      return ['required'];
  }
}

/** What an attempt came to. `otherMayDo`: the server may say something else to a connection that is encrypted the other way. */
type Outcome =
  { readonly connection: ServerConnection } | { readonly failure: DialFailure; readonly encrypted: boolean; readonly otherMayDo: boolean };

async function attempt(login: Login, encryption: Encryption, limit: DialLimit, extras: LoginExtras): Promise<Outcome> {
  let channel: Channel;
  try {
    channel = await openChannel(login.backend, {
      tls: login.tls,
      encryption,
      signal: limit.signal,
      onConnected: () => limit.connected(),
    });
  } catch (error) {
    const failure = asFailure(error);
    return { failure, encrypted: encryption !== 'none', otherMayDo: failure.kind === 'tls' || failure.kind === 'certificate' };
  }
  const dialogue = new LoginDialogue(login, channel, extras);
  try {
    return { connection: await logIn(login, channel, dialogue, limit.signal) };
  } catch (error) {
    channel.socket.destroy();
    const failure = asFailure(error);
    // As libpq: any error of the server's, up to the moment when it has accepted the login.
    const refused = failure.fields !== null && !dialogue.isAccepted;
    const encrypted = channel.tls !== null;
    return { failure, encrypted, otherMayDo: refused && (encrypted || encryption === 'none') };
  }
}

/** Of two failures the one that says more: that there is no line in pg_hba.conf, or no handshake, may be for the other's sake only. */
function moreTelling(first: DialFailure, second: DialFailure, encrypted: boolean): DialFailure {
  if (second.kind === 'aborted') return second;
  const saysLittle = ({ kind, fields }: DialFailure): boolean => kind === 'tls' || kind === 'certificate' || fields?.sqlState === '28000';
  if (!saysLittle(first) || second.kind === 'no_tls') return first;
  if (!saysLittle(second)) return second;
  const message = `${first.message}; ${encrypted ? 'with' : 'without'} TLS: ${second.fields?.message ?? second.message}`;
  return new DialFailure(first.kind, message, first.hint, first.fields, first.code);
}
