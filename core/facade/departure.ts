/** The end of the program, as the console asks for it: at once, or when nobody is disturbed by it any more. */
import type { ShutdownWait } from '../console/host.ts';
import { CallError } from '../contract/index.ts';
import type { ClosedDoors } from './closed-doors.ts';

/** What the end depends on. */
export interface DepartureParts {
  readonly doors: ClosedDoors;
  /** Ends the program; null: that is not the console's to do here. */
  readonly end: (() => void) | null;
  /** Holds everybody back from server connections, at every endpoint; settles when none is in use any more, or rejects. */
  readonly pauseAll: () => Promise<void>;
  readonly clients: () => number;
  readonly report: (level: 'info' | 'warn', code: string, message: string) => void;
}

/** How often it is looked whether the last client has left, milliseconds. */
const LOOK_MS = 250;

/** See the head of this file. */
export class Departure {
  readonly #parts: DepartureParts;
  #timer: NodeJS.Timeout | null = null;

  constructor(parts: DepartureParts) {
    this.#parts = parts;
  }

  /** Returns at once. Throws `CallError` (`unavailable`). */
  begin(wait: ShutdownWait): void {
    const { doors, end, report } = this.#parts;
    if (end === null) throw new CallError('unavailable', 'This host cannot be ended from the console.');
    this.stop();
    doors.closeAll();
    report('info', 'shutdown', `The console asked for the end${wait === 'nothing' ? '' : `, once all ${wait} are free`}.`);
    if (wait === 'nothing') {
      // The answer goes out first.
      setImmediate(end);
    } else if (wait === 'servers') {
      this.#parts.pauseAll().then(end, (error: unknown) => {
        const why = error instanceof Error ? error.message : String(error);
        report('warn', 'shutdown_waits', `Server connections are still in use, so the end was given up: ${why} Ask again, or SHUTDOWN.`);
      });
    } else {
      this.#timer = setInterval(() => {
        if (this.#parts.clients() > 0) return;
        this.stop();
        end();
      }, LOOK_MS);
    }
  }

  /** Waits no longer for clients to leave. */
  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }
}
