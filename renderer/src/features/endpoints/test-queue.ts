/** What a test of a connection says, or why it could not be made. */
type Ask<T> = () => Promise<T>;

interface Waiting {
  start: () => void;
  gone: () => void;
}

/** Runs few tests at a time, in their order: a list of fifty edits, or a fast typist, is no flood of logins. */
export class TestQueue {
  readonly #atOnce: number;
  #running = 0;
  #waiting: Waiting[] = [];

  constructor(atOnce: number) {
    this.#atOnce = atOnce;
  }

  /** Runs it when it is its turn. Null: the signal came first, and then it was not run at all or nobody wants to know. */
  async run<T>(ask: Ask<T>, signal: AbortSignal): Promise<T | null> {
    if (!(await this.#turn(signal))) return null;
    try {
      const answer = await ask();
      return signal.aborted ? null : answer;
    } finally {
      this.#running -= 1;
      this.#waiting.shift()?.start();
    }
  }

  #turn(signal: AbortSignal): Promise<boolean> {
    if (signal.aborted) return Promise.resolve(false);
    if (this.#running < this.#atOnce) {
      this.#running += 1;
      return Promise.resolve(true);
    }
    return new Promise((resolve) => {
      const own: Waiting = {
        start: () => {
          signal.removeEventListener('abort', own.gone);
          this.#running += 1;
          resolve(true);
        },
        gone: () => {
          this.#waiting = this.#waiting.filter((each) => each !== own);
          resolve(false);
        },
      };
      this.#waiting.push(own);
      signal.addEventListener('abort', own.gone, { once: true });
    });
  }
}
