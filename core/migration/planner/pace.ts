/** How many transfers prepare at the same time, all together and at one backend; who has to wait is served in the order of asking. */

/** Read at every turn, so that changed settings count at once. */
export interface PaceLimits {
  readonly atOnce: number;
  readonly loginsPerBackend: number;
}

interface Waiter {
  readonly backend: string;
  readonly turn: () => void;
}

/**
 * See the head of this file. Somebody is passed over only while its own backend is full, and then is the first to be served there: nobody
 * starves. p-limit was considered, but its queued tasks cannot be aborted one by one, nor counted per backend.
 */
export class Pace {
  readonly #limits: () => PaceLimits;
  readonly #queue = new Set<Waiter>();
  readonly #atBackend = new Map<string, number>();
  #busy = 0;

  constructor(limits: () => PaceLimits) {
    this.#limits = limits;
  }

  /** Those that have a place, and those that wait for one. */
  get load(): { readonly busy: number; readonly queued: number } {
    return { busy: this.#busy, queued: this.#queue.size };
  }

  /** A place; the returned function gives it back, once however often it is called. Rejects with the signal's reason when that aborts. */
  async take(backend: string, signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted();
    await new Promise<void>((resolve, reject) => {
      const onAbort = (): void => {
        this.#queue.delete(waiter);
        reject(signal.reason as Error);
      };
      const waiter: Waiter = {
        backend,
        turn: () => {
          signal.removeEventListener('abort', onAbort);
          resolve();
        },
      };
      signal.addEventListener('abort', onAbort, { once: true });
      this.#queue.add(waiter);
      this.#serve();
    });
    let isHeld = true;
    return () => {
      if (isHeld) this.#giveBack(backend);
      isHeld = false;
    };
  }

  #giveBack(backend: string): void {
    this.#busy--;
    const left = (this.#atBackend.get(backend) ?? 1) - 1;
    if (left === 0) this.#atBackend.delete(backend);
    else this.#atBackend.set(backend, left);
    this.#serve();
  }

  #serve(): void {
    const { atOnce, loginsPerBackend } = this.#limits();
    for (const waiter of this.#queue) {
      if (this.#busy >= atOnce) return;
      const there = this.#atBackend.get(waiter.backend) ?? 0;
      if (there >= loginsPerBackend) continue;
      this.#queue.delete(waiter);
      this.#busy++;
      this.#atBackend.set(waiter.backend, there + 1);
      waiter.turn();
    }
  }
}
