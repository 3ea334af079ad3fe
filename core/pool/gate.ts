/** Which endpoints are paused: none of their sessions is given a server connection (pooling.md 2.2 and 6.1). */

/** A pause did not come about in time; it is over. */
export class PauseTimeout extends Error {
  /** How many server connections the sessions of the endpoint still have. */
  readonly held: number;
  constructor(endpoint: string, held: number, withinMs: number) {
    super(
      `endpoint ${endpoint} could not be paused within ${withinMs} ms: its sessions still have ${held} server connection${held === 1 ? '' : 's'}`,
    );
    this.name = 'PauseTimeout';
    this.held = held;
  }
}

/** Somebody resumed the endpoint while its pause waited. */
export class PauseEnded extends Error {
  constructor(endpoint: string) {
    super(`endpoint ${endpoint} was resumed before the pause had come about`);
    this.name = 'PauseEnded';
  }
}

/** One that waits for its pause. */
interface Pauser {
  look(): void;
  end(): void;
}

/** See the head of this file. */
export class Gate {
  /** Every pause that holds, by endpoint: one that ends (too late) does not take another one along. */
  readonly #holds = new Map<string, number>();
  readonly #pausers = new Map<string, Set<Pauser>>();
  /** Backends of which nobody is given a server connection, and how many want that. */
  readonly #backends = new Map<string, number>();
  readonly #heldBy: (endpoint: string) => number;
  readonly #onOpened: () => void;

  /** `heldBy`: how many server connections the sessions of an endpoint have. `onOpened`: somebody may be served again. */
  constructor(heldBy: (endpoint: string) => number, onOpened: () => void) {
    this.#heldBy = heldBy;
    this.#onOpened = onOpened;
  }

  isPaused(endpoint: string): boolean {
    return this.#holds.size > 0 && this.#holds.has(endpoint);
  }

  /** Whether a backend is held: nobody of any endpoint is given a connection to it. */
  isHeld(backend: string): boolean {
    return this.#backends.size > 0 && this.#backends.has(backend);
  }

  /** Holds everybody off a backend until the returned function is called. */
  holdBackend(backend: string): () => void {
    this.#backends.set(backend, (this.#backends.get(backend) ?? 0) + 1);
    let isHolding = true;
    return () => {
      if (!isHolding) return;
      isHolding = false;
      const left = (this.#backends.get(backend) ?? 1) - 1;
      if (left > 0) this.#backends.set(backend, left);
      else {
        this.#backends.delete(backend);
        this.#onOpened();
      }
    };
  }

  /** Closes the gate. */
  hold(endpoint: string): void {
    this.#holds.set(endpoint, (this.#holds.get(endpoint) ?? 0) + 1);
  }

  /**
   * Closes the gate and resolves once no session of the endpoint has a server connection. Rejects with `PauseTimeout`, the gate open
   * again unless somebody else holds it, or with `PauseEnded`.
   */
  pause(endpoint: string, withinMs: number): Promise<void> {
    this.hold(endpoint);
    return new Promise((resolve, reject) => {
      const pausers = this.#pausers.get(endpoint) ?? new Set();
      this.#pausers.set(endpoint, pausers);
      const settle = (): void => {
        clearTimeout(timer);
        pausers.delete(pauser);
        if (pausers.size === 0) this.#pausers.delete(endpoint);
      };
      const timer = setTimeout(() => {
        settle();
        this.#let(endpoint);
        reject(new PauseTimeout(endpoint, this.#heldBy(endpoint), withinMs));
      }, withinMs);
      timer.unref();
      const pauser: Pauser = {
        look: () => {
          if (this.#heldBy(endpoint) > 0) return;
          settle();
          resolve();
        },
        end: () => {
          settle();
          reject(new PauseEnded(endpoint));
        },
      };
      pausers.add(pauser);
      pauser.look();
    });
  }

  /** Opens the gate, whoever closed it; false when it was open. */
  resume(endpoint: string): boolean {
    const wasPaused = this.#holds.delete(endpoint);
    for (const pauser of this.#pausers.get(endpoint) ?? []) pauser.end();
    if (wasPaused) this.#onOpened();
    return wasPaused;
  }

  /** A session of the endpoint has given a server connection back. */
  released(endpoint: string): void {
    if (this.#pausers.size === 0) return;
    for (const pauser of this.#pausers.get(endpoint) ?? []) pauser.look();
  }

  /** Ends every pause that waits. */
  close(): void {
    for (const pausers of this.#pausers.values()) for (const pauser of pausers) pauser.end();
  }

  #let(endpoint: string): void {
    const holds = (this.#holds.get(endpoint) ?? 0) - 1;
    if (holds > 0) this.#holds.set(endpoint, holds);
    else if (this.#holds.delete(endpoint)) this.#onOpened();
  }
}
