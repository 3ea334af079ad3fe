/** The fault knobs of a pod: what goes wrong, in which phase, and how often. Settable while everything runs. */

/** The moments in which a pod can be told to misbehave: of a login, of `SHOW TRANSFER STATE` (`show-`), of `deserialize_session`. */
export const phases = [
  'accept',
  'tls',
  'startup',
  'auth',
  'show-T',
  'show-D',
  'show-C',
  'show-Z',
  'restore-T',
  'restore-D',
  'restore-C',
  'restore-Z',
] as const;

/** One of `phases`, or `query`: the answer to any other statement, or to one that `FaultOptions.text` names. */
export type Phase = (typeof phases)[number] | 'query';

/** What goes wrong. */
export type Fault =
  /** The message comes `ms` milliseconds late. */
  | { readonly kind: 'delay'; readonly ms: number }
  /** Nothing more is said on this connection until the knob is cleared; then it goes on as if nothing had been. */
  | { readonly kind: 'silence' }
  /** FIN in the place of the message. */
  | { readonly kind: 'close' }
  /** RST in the place of the message. */
  | { readonly kind: 'reset' }
  /** An ErrorResponse in the place of the message; in a login a FATAL one. */
  | { readonly kind: 'error'; readonly sqlState?: string; readonly message?: string }
  /** A message that nearly fits: another column name, key, value, tag or type, as the phase has it. */
  | { readonly kind: 'wrong' }
  /** These bytes in the place of the message. */
  | { readonly kind: 'replace'; readonly bytes: Buffer }
  /** These bytes in front of it, behind it. */
  | { readonly kind: 'before' | 'after'; readonly bytes: Buffer }
  /** The message in writes of one byte. */
  | { readonly kind: 'bytewise' }
  /** The message in a write of its own; without a fault a whole answer is one write. */
  | { readonly kind: 'apart' }
  /** `show-D` only: so much white space in the state that it is as large, in MiB. The state stays valid. */
  | { readonly kind: 'huge'; readonly mib: number };

/** Which of the times it strikes. */
export interface FaultOptions {
  /** So many times in all; default: each time. */
  readonly times?: number;
  /** Not before so many times have gone well; default 0. */
  readonly after?: number;
  /** Phase `query`: only statements that contain this; `startup` and `auth`: with `BY_TOKEN` only logins by token. */
  readonly text?: string;
}

interface Knob {
  readonly fault: Fault;
  readonly text: string | null;
  times: number;
  after: number;
}

/** The knobs of one pod. */
export class Faults {
  readonly #knobs = new Map<Phase, Knob>();
  readonly #waiting = new Map<Phase, (() => void)[]>();
  readonly #silences = new Map<Phase, (() => void)[]>();
  readonly #strikes = new Map<Phase, number>();

  set(phase: Phase, fault: Fault, { times = Number.POSITIVE_INFINITY, after = 0, text }: FaultOptions = {}): void {
    this.#knobs.set(phase, { fault, times, after, text: text ?? null });
  }

  /** Takes a knob back, or all; who was silent by it goes on. */
  clear(phase?: Phase): void {
    for (const each of phase === undefined ? [...phases, 'query' as const] : [phase]) {
      this.#knobs.delete(each);
      for (const goOn of this.#silences.get(each)?.splice(0) ?? []) goOn();
    }
  }

  /** How often a phase's knob has struck. */
  strikes(phase: Phase): number {
    return this.#strikes.get(phase) ?? 0;
  }

  /** Resolves when it strikes the next time. */
  struck(phase: Phase): Promise<void> {
    return new Promise((resolve) => this.#waiting.set(phase, [...(this.#waiting.get(phase) ?? []), resolve]));
  }

  /** The fault for this time, counted; null: all goes well. */
  take(phase: Phase, text = ''): Fault | null {
    const knob = this.#knobs.get(phase);
    if (knob === undefined || knob.times <= 0 || (knob.text !== null && !text.includes(knob.text))) return null;
    if (knob.after-- > 0) return null;
    knob.times--;
    this.#strikes.set(phase, this.strikes(phase) + 1);
    for (const tell of this.#waiting.get(phase)?.splice(0) ?? []) tell();
    return knob.fault;
  }

  /** The end of a silence. */
  silence(phase: Phase): Promise<void> {
    return new Promise((resolve) => this.#silences.set(phase, [...(this.#silences.get(phase) ?? []), resolve]));
  }
}
