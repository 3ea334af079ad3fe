/**
 * What is known of users' passwords: the verifiers of the settings, and those read from `pg_authid` of a backend, kept for a
 * short while (pooling.md 5.3).
 */
import type { KnownUser } from '../auth/client-exchange.ts';
import { explainAuthentication } from '../auth/assistant.ts';
import { parseVerifier, type Verifier } from '../auth/verifier.ts';
import { credentialKey } from '../backend/credential.ts';
import { DialFailure, type DialOptions, type Login } from '../backend/dial.ts';
import { loginFor } from '../backend/login.ts';
import type { Settings } from '../contract/index.ts';
import type { EndpointMap, EndpointSpec } from '../endpoints/map.ts';
import { tlsKey } from '../tls/backend-tls.ts';
import { ClientRefusal } from './incoming.ts';
import { TooManyQuestions, VerifierConnection, VerifierQueryFailure, type RoleRow } from './verifier-connection.ts';

/** How long a verifier serves when its source cannot be asked. */
const TTL_MS = 30_000;
/** A verifier older than this is asked for again by the login that needs it, so that a new password counts at once … */
const FRESH_MS = 1_000;
/** … but not waited for longer than this: a source that is slow or down costs a login no more. */
const PATIENCE_MS = 1_000;
const NEGATIVE_TTL_MS = 3_000;
/** A wrong password makes the verifier be read again, but not more often than this. */
const DOUBT_AFTER_MS = 1_000;
/** Clients that come in crowds are told at once that the source cannot be asked. */
const FAILURE_TTL_MS = 1_000;
/** Users kept; made-up names would fill the memory otherwise. */
const MAX_ENTRIES = 10_000;

/** A user and whether it may log in at all, which it is told only after it has proven itself. */
export interface Lookup extends KnownUser {
  readonly canLogin: boolean;
}

/** What the cache needs. */
export interface VerifiersOptions {
  readonly map: EndpointMap;
  /** The settings of the moment. */
  authentication(): Settings['authentication'];
  readonly dialOptions?: Pick<DialOptions, 'passwordFile'>;
}

/** What was read of a user. Times are milliseconds since the epoch. */
interface Entry {
  readonly row: RoleRow | null;
  readonly readAt: number;
  /** When a wrong password last made it be read again. */
  doubtedAt: number;
}

/** See the head of this file. */
export class Verifiers {
  readonly #options: VerifiersOptions;
  readonly #entries = new Map<string, Entry>();
  /** One question per user at a time, however many logins wait for its answer. */
  readonly #asking = new Map<string, Promise<Entry>>();
  #failure: { readonly at: number; readonly error: Error } | null = null;
  #connection: VerifierConnection | null = null;
  #source = '';
  #lastKind: Verifier['kind'] | null = null;

  constructor(options: VerifiersOptions) {
    this.#options = options;
  }

  /** What a user without a verifier is asked for under `md5`: what the others have. */
  get usualKind(): Verifier['kind'] {
    const { users } = this.#options.authentication();
    return this.#lastKind ?? (users.some(({ verifier }) => parseVerifier(verifier)?.kind === 'md5') ? 'md5' : 'scram');
  }

  /** Rejects with `ClientRefusal` when the verifiers cannot be read, and with the signal's reason. */
  async find(user: string, signal: AbortSignal): Promise<Lookup> {
    const listed = this.#listed(user);
    if (listed !== null) return listed;
    const spec = this.#spec();
    if (spec === null) return unknownUser('no such user is in the settings');
    return asLookup(await this.#find(spec, user, signal));
  }

  /** After a wrong password: what is known now. Null when nothing newer can be had. Rejects with the signal's reason only. */
  async refetch(user: string, signal: AbortSignal): Promise<Lookup | null> {
    if (this.#listed(user) !== null) return null;
    try {
      const spec = this.#spec();
      if (spec === null) return null;
      const login = this.#follow(spec);
      const known = this.#entries.get(user);
      if (known !== undefined && Date.now() - known.doubtedAt < DOUBT_AFTER_MS) return asLookup(known);
      const entry = await unlessAborted(this.#ask(login, user), signal);
      entry.doubtedAt = Date.now();
      return asLookup(entry);
    } catch {
      signal.throwIfAborted();
      return null;
    }
  }

  /** A backend has refused what this user had proven here: its verifier is read again at its next login. */
  invalidate(user: string): void {
    this.#entries.delete(user);
  }

  /** Closes the connection and forgets everything. */
  close(): void {
    this.#connection?.close();
    this.#connection = null;
    this.#entries.clear();
    this.#asking.clear();
    this.#failure = null;
    this.#source = '';
  }

  #listed(user: string): Lookup | null {
    const listed = this.#options.authentication().users.find(({ name }) => name === user);
    if (listed === undefined) return null;
    const verifier = parseVerifier(listed.verifier);
    return { verifier, reason: verifier === null ? 'its verifier in the settings cannot be read' : null, canLogin: true };
  }

  #spec(): EndpointSpec | null {
    const { verifiersFrom } = this.#options.authentication();
    if (verifiersFrom === null) return null;
    const spec = this.#options.map.get(verifiersFrom);
    if (spec !== undefined) return spec;
    throw new ClientRefusal(
      '28000',
      `clients cannot be checked: the verifiers are read from endpoint "${verifiersFrom}", which does not exist`,
      'Choose another endpoint in the settings.',
    );
  }

  async #find(spec: EndpointSpec, user: string, signal: AbortSignal): Promise<Entry> {
    const login = this.#follow(spec);
    const known = this.#entries.get(user);
    const age = known === undefined ? Infinity : Date.now() - known.readAt;
    if (known !== undefined && age < (known.row === null ? NEGATIVE_TTL_MS : FRESH_MS)) return known;
    const spare = known !== undefined && known.row !== null && age < TTL_MS ? known : null;
    try {
      const asked = this.#ask(login, user);
      return await unlessAborted(spare === null ? asked : sooner(asked, spare), signal);
    } catch (error) {
      signal.throwIfAborted();
      if (spare !== null) return spare;
      throw unreadable(error, spec.id, login);
    }
  }

  /** The login at the source. When it is another one than before, nothing that was read still counts. */
  #follow(spec: EndpointSpec): Login {
    const login = loginFor(spec, 'postgres', spec.database, new Map());
    const source = JSON.stringify([login.backend.id, login.database, login.role, credentialKey(login.credential), tlsKey(login.tls)]);
    if (source !== this.#source) {
      this.close();
      this.#source = source;
    }
    return login;
  }

  #ask(login: Login, user: string): Promise<Entry> {
    const asked = this.#asking.get(user);
    if (asked !== undefined) return asked;
    const failed = this.#failure;
    if (failed !== null && Date.now() - failed.at < FAILURE_TTL_MS) return Promise.reject(failed.error);
    const source = this.#source;
    const connection = (this.#connection ??= new VerifierConnection(login, this.#options.dialOptions ?? {}));
    const answer = connection.read(user).then(
      (row) => {
        const entry: Entry = { row, readAt: Date.now(), doubtedAt: -Infinity };
        if (source !== this.#source) return entry;
        this.#asking.delete(user);
        this.#keep(user, entry);
        this.#failure = null;
        return entry;
      },
      (thrown: unknown) => {
        const error = thrown instanceof Error ? thrown : new Error(String(thrown));
        if (source === this.#source) {
          this.#asking.delete(user);
          if (!(error instanceof TooManyQuestions)) this.#failure = { at: Date.now(), error };
        }
        throw error;
      },
    );
    // Whoever asked may have lost patience.
    answer.catch(() => {});
    this.#asking.set(user, answer);
    return answer;
  }

  #keep(user: string, entry: Entry): void {
    this.#lastKind = parseVerifier(entry.row?.verifier ?? '')?.kind ?? this.#lastKind;
    // Taken out and put back: a Map keeps insertion order, so its first key is the one read longest ago.
    entry.doubtedAt = this.#entries.get(user)?.doubtedAt ?? entry.doubtedAt;
    this.#entries.delete(user);
    this.#entries.set(user, entry);
    if (this.#entries.size <= MAX_ENTRIES) return;
    const oldest = this.#entries.keys().next();
    if (!oldest.done) this.#entries.delete(oldest.value);
  }
}

function asLookup({ row, readAt }: Entry): Lookup {
  if (row === null) return unknownUser('no such role');
  if (row.validForMs !== null && row.validForMs <= Date.now() - readAt) return unknownUser('its password has expired (VALID UNTIL)');
  if (row.verifier === null) return unknownUser('the role has no password');
  const verifier = parseVerifier(row.verifier);
  if (verifier === null) return unknownUser('its password is kept in a form that is not known');
  return { verifier, reason: null, canLogin: row.canLogin };
}

function unknownUser(reason: string): Lookup {
  return { verifier: null, reason, canLogin: true };
}

function unreadable(error: unknown, endpoint: string, login: Login): ClientRefusal {
  if (error instanceof TooManyQuestions) return new ClientRefusal('53300', error.message, 'Try again in a moment.');
  const { message, hint } = explainAuthentication({
    problem: 'verifiers_unreadable',
    backend: login.backend.id,
    role: login.role,
    endpoint,
    why: whyUnreadable(error),
    words: error instanceof Error ? error.message : String(error),
  });
  return new ClientRefusal('28000', message, error instanceof DialFailure ? (error.hint ?? hint) : hint);
}

function whyUnreadable(error: unknown): 'permission' | 'unreachable' {
  return error instanceof VerifierQueryFailure && error.sqlState === '42501' ? 'permission' : 'unreachable';
}

/** The answer, or after a while what is there already. */
function sooner(asked: Promise<Entry>, spare: Entry): Promise<Entry> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => resolve(spare), PATIENCE_MS);
    asked.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  promise.catch(() => {});
  signal.throwIfAborted();
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason as Error);
    signal.addEventListener('abort', onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
