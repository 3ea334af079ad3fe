/** What is applied on which server connection, and what its sessions started from. */
import { dial } from '../backend/dial.ts';
import { loginKey, type Login } from '../backend/login.ts';
import type { PasswordFile } from '../backend/passfile.ts';
import type { ServerConnection } from '../backend/server-connection.ts';
import { lookAtStartup } from '../state/baseline.ts';
import { cleanState, placeholdersOf, type CarriedState } from '../state/carried.ts';
import { captureFrames, readCapture, serverVersionOf } from '../state/capture.ts';
import type { SessionStateCapture } from '../state/state.ts';

/** How long a baseline is believed: the defaults of databases and roles change rarely. */
const BASELINE_KEPT_MS = 300_000;
const BASELINE_MS = 5_000;

/** See the head of this file. One for all sessions. */
export class ServerStates {
  readonly #states = new WeakMap<ServerConnection, CarriedState>();
  readonly #spoiled = new WeakSet<ServerConnection>();
  readonly #baselines = new Map<string, { at: number; capture: Promise<SessionStateCapture> }>();
  readonly #passwordFile: PasswordFile | null;

  constructor(passwordFile: PasswordFile | null) {
    this.#passwordFile = passwordFile;
  }

  /** What the connection carries; nothing, if it is new. */
  of(server: ServerConnection): CarriedState {
    return this.#states.get(server) ?? cleanState;
  }

  set(server: ServerConnection, state: CarriedState): void {
    if (state !== cleanState || this.#states.has(server)) this.#states.set(server, state);
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

  async #ask(login: Login, ask: (server: ServerConnection) => Promise<SessionStateCapture>): Promise<SessionStateCapture> {
    const server = await dial(login, { passwordFile: this.#passwordFile });
    try {
      return await ask(server);
    } finally {
      server.end();
    }
  }
}
