/** Ports of their own for endpoints, for clients that can set nothing: opened, moved and closed while everything runs. */
import type net from 'node:net';
import type { Settings, SettingsView } from '../contract/index.ts';
import { Listener } from './listener.ts';

/** What these listeners need. */
export interface EndpointListenersOptions {
  onSocket(socket: net.Socket, endpoint: string): void;
  /** A listener failed after it had started. */
  onError(endpoint: string, error: Error): void;
  /** Whether an endpoint is in the map. */
  isKnown(endpoint: string): boolean;
}

type Wanted = Settings['listeners'][number];

interface Door {
  readonly wanted: Wanted;
  listener: Listener | null;
  port: number;
  problem: string | null;
}

/** See the head of this file. */
export class EndpointListeners {
  readonly #options: EndpointListenersOptions;
  #doors: Door[] = [];
  /** Closed to newcomers, with clients that came through them. */
  readonly #retired = new Set<Listener>();
  #turn: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(options: EndpointListenersOptions) {
    this.#options = options;
  }

  /** What became of each, in the order of the settings. */
  view(): SettingsView['listeners'] {
    return this.#doors.map(({ wanted, port, problem }) => ({ endpoint: wanted.endpoint, port, problem }));
  }

  /**
   * Opens what is wanted and not open, closes what is open and not wanted; clients that are connected stay. Settles when it is done;
   * never rejects: what could not be opened is in the view.
   */
  apply(host: string, wanted: readonly Wanted[]): Promise<void> {
    this.#turn = this.#turn.then(() => this.#apply(host, wanted));
    return this.#turn;
  }

  /** Accepts nobody any more. */
  refuse(): void {
    this.#stopped = true;
    for (const door of this.#doors) this.#shut(door);
  }

  /** Ends what is still connected, and cuts what has not gone after `graceMs`. */
  async close(graceMs: number): Promise<void> {
    this.refuse();
    await this.#turn;
    await Promise.all([...this.#retired].map((listener) => listener.close(graceMs)));
  }

  async #apply(host: string, wanted: readonly Wanted[]): Promise<void> {
    const before = this.#doors;
    // Port 0 is a free one: the port it was given before is as good as any, so an open door stays where it is.
    this.#doors = wanted.map((each) => {
      const at = before.findIndex((door) => door.wanted.endpoint === each.endpoint && door.wanted.port === each.port);
      return at < 0 ? { wanted: each, listener: null, port: each.port, problem: null } : (before.splice(at, 1)[0] ?? closed(each));
    });
    for (const door of before) this.#shut(door);
    for (const door of this.#doors) await this.#see(door, host);
  }

  async #see(door: Door, host: string): Promise<void> {
    const { endpoint, port } = door.wanted;
    if (this.#stopped) return;
    if (!this.#options.isKnown(endpoint)) {
      this.#shut(door);
      door.problem = `There is no endpoint "${endpoint}".`;
      return;
    }
    if (door.listener !== null) return;
    const listener = new Listener(
      (socket) => this.#options.onSocket(socket, endpoint),
      (error) => this.#options.onError(endpoint, error),
    );
    try {
      door.port = (await listener.listen({ host, port })).port;
      door.listener = listener;
      door.problem = null;
    } catch (error) {
      door.port = port;
      door.problem = problemOf(error, port);
      return;
    }
    // Closed while it was being opened.
    if (this.#stopped) this.#shut(door);
  }

  #shut(door: Door): void {
    const { listener } = door;
    if (listener === null) return;
    door.listener = null;
    listener.refuse();
    this.#retired.add(listener);
    void listener.emptied.then(() => this.#retired.delete(listener));
  }
}

function closed(wanted: Wanted): Door {
  return { wanted, listener: null, port: wanted.port, problem: null };
}

function problemOf(error: unknown, port: number): string {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'EADDRINUSE') return `Port ${port} is taken.`;
  if (code === 'EACCES') return `Port ${port} may not be used by this user.`;
  return `Port ${port} cannot be opened: ${message}.`;
}
