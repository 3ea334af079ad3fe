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
import { ClientRefusal } from './incoming.ts';
import { VerifierConnection, VerifierQueryFailure, type RoleRow } from './verifier-connection.ts';

const TTL_MS = 30_000;
const NEGATIVE_TTL_MS = 3_000;
/** A wrong password makes the verifier be read again, but not more often than this. */
const REFETCH_AFTER_MS = 1_000;
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

interface Entry {
  /** When it was asked for, in milliseconds since the epoch. */
  readonly at: number;
  readonly answer: Promise<{ row: RoleRow | null; readAt: number }>;
  /** How long it holds; set when the answer is in. */
  keptMs: number;
  settled: boolean;
}

/** See the head of this file. */
export class Verifiers {
  readonly #options: VerifiersOptions;
  readonly #entries = new Map<string, Entry>();
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
    return this.#asLookup(await this.#ask(spec, user, signal));
  }

  /** After a wrong password: what is known now, or null when that is not newer than what was known. */
  async refetch(user: string, signal: AbortSignal): Promise<Lookup | null> {
    if (this.#listed(user) !== null) return null;
    const spec = this.#spec();
    const entry = this.#entries.get(user);
    if (spec === null || (entry !== undefined && Date.now() - entry.at < REFETCH_AFTER_MS)) return null;
    if (entry?.settled === true) this.#entries.delete(user);
    return this.#asLookup(await this.#ask(spec, user, signal));
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

  async #ask(spec: EndpointSpec, user: string, signal: AbortSignal): Promise<{ row: RoleRow | null; readAt: number }> {
    const login = loginFor(spec, 'postgres', spec.database, new Map());
    this.#follow(login);
    let entry = this.#entries.get(user);
    if (entry === undefined || (entry.settled && Date.now() - entry.at >= entry.keptMs)) {
      entry = this.#fetch(login, user);
      this.#entries.delete(user);
      this.#entries.set(user, entry);
      if (this.#entries.size > MAX_ENTRIES) {
        const oldest = this.#entries.keys().next();
        if (!oldest.done) this.#entries.delete(oldest.value);
      }
    }
    try {
      return await unlessAborted(entry.answer, signal);
    } catch (error) {
      signal.throwIfAborted();
      throw unreadable(error, spec.id, login);
    }
  }

  /** The source is another one than before: nothing that was read still counts. */
  #follow(login: Login): void {
    const source = JSON.stringify([login.backend.id, login.database, login.role, credentialKey(login.credential)]);
    if (source === this.#source) return;
    this.close();
    this.#source = source;
  }

  #fetch(login: Login, user: string): Entry {
    this.#connection ??= new VerifierConnection(login, this.#options.dialOptions ?? {});
    const answer = this.#connection.read(user).then((row) => ({ row, readAt: Date.now() }));
    const entry: Entry = { at: Date.now(), answer, keptMs: NEGATIVE_TTL_MS, settled: false };
    answer.then(
      ({ row }) => {
        entry.settled = true;
        if (row === null) return;
        entry.keptMs = TTL_MS;
        this.#lastKind = parseVerifier(row.verifier ?? '')?.kind ?? this.#lastKind;
      },
      // A failure is kept for as long as an unknown user: clients that come in crowds are told at once.
      () => (entry.settled = true),
    );
    return entry;
  }

  #asLookup({ row, readAt }: { row: RoleRow | null; readAt: number }): Lookup {
    if (row === null) return unknownUser('no such role');
    if (row.validForMs !== null && row.validForMs <= Date.now() - readAt) return unknownUser('its password has expired (VALID UNTIL)');
    if (row.verifier === null) return unknownUser('the role has no password');
    const verifier = parseVerifier(row.verifier);
    if (verifier === null) return unknownUser('its password is kept in a form that is not known');
    return { verifier, reason: null, canLogin: row.canLogin };
  }
}

function unknownUser(reason: string): Lookup {
  return { verifier: null, reason, canLogin: true };
}

function unreadable(error: unknown, endpoint: string, login: Login): ClientRefusal {
  if (error instanceof ClientRefusal) return error;
  const { message, hint } = explainAuthentication({
    problem: 'verifiers_unreadable',
    backend: login.backend.id,
    role: login.role,
    endpoint,
    why: error instanceof VerifierQueryFailure && error.sqlState === '42501' ? 'permission' : 'unreachable',
    words: error instanceof Error ? error.message : String(error),
  });
  return new ClientRefusal('28000', message, error instanceof DialFailure ? (error.hint ?? hint) : hint);
}

function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason as Error);
    signal.addEventListener('abort', onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
