/** What is applied on which server connection, and what its sessions started from. */
import { dial } from '../backend/dial.ts';
import { loginKey, type Login } from '../backend/login.ts';
import type { PasswordFile } from '../backend/passfile.ts';
import type { ServerConnection } from '../backend/server-connection.ts';
import { lookAtStartup, settingsInFunctions, type FunctionSettings } from '../state/baseline.ts';
import { cleanState, placeholdersOf, type CarriedState } from '../state/carried.ts';
import { captureFrames, readCapture, serverVersionOf } from '../state/capture.ts';
import type { SessionStateCapture } from '../state/state.ts';

/** How long a baseline is believed: the defaults of databases and roles change rarely. */
const BASELINE_KEPT_MS = 300_000;
const BASELINE_MS = 5_000;
/** And how long what functions may set. */
const FUNCTIONS_KEPT_MS = 60_000;
/** Not known: then any write may set something. */
const NOTHING: FunctionSettings = { names: [], inTriggers: true };

function databaseKey(login: Login): string {
  return `${login.backend.id} ${login.database}`;
}

/** See the head of this file. One for all sessions. */
export class ServerStates {
  readonly #states = new WeakMap<ServerConnection, CarriedState>();
  /** Custom settings that have been made on it, ever. */
  readonly #names = new WeakMap<ServerConnection, Set<string>>();
  readonly #sequences = new WeakMap<ServerConnection, number>();
  readonly #spoiled = new WeakSet<ServerConnection>();
  readonly #baselines = new Map<string, { at: number; capture: Promise<SessionStateCapture> }>();
  readonly #functions = new Map<string, { at: number; asked: Promise<FunctionSettings>; answer: FunctionSettings | null }>();
  readonly #passwordFile: PasswordFile | null;

  constructor(passwordFile: PasswordFile | null) {
    this.#passwordFile = passwordFile;
  }

  /** What the connection carries; nothing, if it is new. */
  of(server: ServerConnection): CarriedState {
    return this.#states.get(server) ?? cleanState;
  }

  set(server: ServerConnection, state: CarriedState): void {
    if (state.custom.size + state.leftovers.size > 0) this.#noteNames(server, state);
    if (state !== cleanState || this.#states.has(server)) this.#states.set(server, state);
  }

  /** Whether custom settings exist on it, if only as `''`, that `state` does not have: PostgreSQL cannot remove them. */
  hasNamesBeyond(server: ServerConnection, state: CarriedState): boolean {
    const names = this.#names.get(server);
    if (names === undefined) return false;
    for (const name of names) if (!state.custom.has(name) && !state.leftovers.has(name)) return true;
    return false;
  }

  #noteNames(server: ServerConnection, { custom, leftovers }: CarriedState): void {
    const names = this.#names.get(server) ?? new Set();
    for (const name of custom.keys()) names.add(name);
    for (const name of leftovers) names.add(name);
    this.#names.set(server, names);
  }

  /** Session `id` has used sequences on it: `currval` and `lastval` tell what it did. */
  useSequences(server: ServerConnection, id: number): void {
    this.#sequences.set(server, id);
  }

  /** Whether somebody else than session `id` has used sequences on it since they were discarded. */
  hasSequencesOfOthers(server: ServerConnection, id: number): boolean {
    const user = this.#sequences.get(server);
    return user !== undefined && user !== id;
  }

  discardedSequences(server: ServerConnection): void {
    this.#sequences.delete(server);
  }

  /** It goes to others with what nobody may meet who is not told so (profile `observe`). */
  spoil(server: ServerConnection): void {
    this.#spoiled.add(server);
  }

  isSpoiled(server: ServerConnection): boolean {
    return this.#spoiled.has(server);
  }

  /** DISCARD ALL was, or will be, sent: of custom settings the names stay. `names`: those its last session may have made. */
  wasReset(server: ServerConnection, names: Iterable<string> = []): void {
    this.#spoiled.delete(server);
    this.#sequences.delete(server);
    this.set(server, placeholdersOf(this.of(server), names));
  }

  /** A session's state right after its startup, as this login gives it. Rejects with `DialFailure` and what an exchange rejects with. */
  baseline(login: Login, customNames: Iterable<string>): Promise<SessionStateCapture> {
    return this.#ofLogin('look', login, (server) => lookAtStartup(server, customNames, BASELINE_MS));
  }

  /** The same with all defaults that a statement's meaning may depend on: to compare two servers. */
  defaults(login: Login): Promise<SessionStateCapture> {
    return this.#ofLogin('capture', login, async (server) => {
      const { frames, readyCount } = captureFrames(serverVersionOf(server), [], []);
      return readCapture(await server.exchange(frames, readyCount, { deadlineMs: BASELINE_MS }).answer);
    });
  }

  /** What the functions of its database may set. Not quite up to date: asked again now and then. */
  async settingsInFunctions(login: Login): Promise<FunctionSettings> {
    const key = databaseKey(login);
    const known = this.#functions.get(key);
    if (known !== undefined && Date.now() - known.at < FUNCTIONS_KEPT_MS) return await known.asked;
    const asked = this.#ask(login, (server) => settingsInFunctions(server, BASELINE_MS)).catch(() => NOTHING);
    const next = { at: Date.now(), asked, answer: known?.answer ?? null };
    this.#functions.set(key, next);
    void asked.then((answer) => (next.answer = answer));
    // An answer of a while ago will do, rather than a wait.
    return next.answer ?? (await asked);
  }

  /** Whether a write may set something, by a trigger; also true while that is not known. */
  mayWritesSet(login: Login): boolean {
    const known = this.#functions.get(databaseKey(login));
    if (known === undefined || known.answer === null) return true;
    if (Date.now() - known.at >= FUNCTIONS_KEPT_MS) void this.settingsInFunctions(login);
    return known.answer.inTriggers;
  }

  /** A function was made, or made anew. */
  forgetFunctions(login: Login): void {
    this.#functions.delete(databaseKey(login));
  }

  #ofLogin(
    kind: 'look' | 'capture',
    login: Login,
    ask: (server: ServerConnection) => Promise<SessionStateCapture>,
  ): Promise<SessionStateCapture> {
    const key = `${kind} ${loginKey(login)}`;
    const known = this.#baselines.get(key);
    const now = Date.now();
    if (known !== undefined && now - known.at < BASELINE_KEPT_MS) return known.capture;
    for (const [each, { at }] of this.#baselines) if (now - at >= BASELINE_KEPT_MS) this.#baselines.delete(each);
    const capture = this.#ask(login, ask);
    this.#baselines.set(key, { at: now, capture });
    capture.catch(() => this.#baselines.delete(key));
    return capture;
  }

  async #ask<T>(login: Login, ask: (server: ServerConnection) => Promise<T>): Promise<T> {
    const server = await dial(login, { passwordFile: this.#passwordFile });
    try {
      return await ask(server);
    } finally {
      server.end();
    }
  }
}
