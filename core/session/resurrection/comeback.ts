/**
 * The way back to one backend, for all sessions that have lost their connection to it. While it does not answer one of them asks, at
 * growing and uneven intervals; when it does, all go, a few at a time, those whose clients wait first.
 */
import { Alarm } from '../../pool/alarm.ts';
import type { Absence } from './absence.ts';

/** The first pause after a failure and the longest, in milliseconds; each is shortened by up to half, by chance. */
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 2_000;

/** What its owner does for it. */
export interface ComebackHooks {
  /** Most sessions that log in at the same time. */
  atOnce(): number;
  /** Logs in once, as this session would; rejects when the server cannot be had. */
  probe(absence: Absence): Promise<void>;
  /** One attempt to bring it back; `later`: the server cannot be had. Never rejects. */
  revive(absence: Absence): Promise<'settled' | 'later'>;
  /** Nobody is on the way any more. */
  onEmpty(): void;
}

/** See the head of this file. */
export class Comeback {
  readonly #hooks: ComebackHooks;
  readonly #waiting: Absence[] = [];
  readonly #alarm = new Alarm(() => this.#onAlarm());
  #underWay = 0;
  /** Attempts in a row that found no server. */
  #failures = 0;
  #isProbing = false;
  #isHeld = false;

  constructor(hooks: ComebackHooks) {
    this.#hooks = hooks;
  }

  /** How many are on the way. */
  get size(): number {
    return this.#waiting.length + this.#underWay;
  }

  add(absence: Absence): void {
    this.#waiting.push(absence);
    if (this.#failures === 0) this.#go();
  }

  /** Nobody sets out until `release`. */
  hold(): void {
    this.#isHeld = true;
    this.#alarm.clear();
  }

  release(): void {
    this.#isHeld = false;
    this.#failures = 0;
    this.#go();
  }

  stop(): void {
    this.hold();
    this.#waiting.length = 0;
  }

  #onAlarm(): void {
    this.#forgetOthers();
    const [first] = this.#waiting;
    if (first !== undefined) void this.#probe(first);
    else {
      this.#failures = 0;
      this.#go();
    }
  }

  #forgetOthers(): void {
    for (let i = this.#waiting.length - 1; i >= 0; i--) if (this.#waiting[i]?.isOver === true) this.#waiting.splice(i, 1);
  }

  #go(): void {
    this.#forgetOthers();
    if (this.#isHeld || this.#isProbing) return;
    while (this.#failures === 0 && this.#underWay < this.#hooks.atOnce()) {
      const next = this.#takeNext();
      if (next === undefined) break;
      void this.#revive(next);
    }
    if (this.size === 0) this.#hooks.onEmpty();
  }

  #takeNext(): Absence | undefined {
    const urgent = this.#waiting.findIndex(({ session }) => session.forwarder.hasInput);
    return this.#waiting.splice(Math.max(0, urgent), 1)[0];
  }

  async #revive(absence: Absence): Promise<void> {
    this.#underWay++;
    const outcome = await this.#hooks.revive(absence);
    this.#underWay--;
    if (outcome === 'later') {
      if (!absence.isOver) this.#waiting.push(absence);
      // Of those that set out together only one counts.
      if (this.#failures === 0) this.#pause();
    }
    if (this.#failures === 0) this.#go();
    else if (this.size === 0) this.#hooks.onEmpty();
  }

  async #probe(first: Absence): Promise<void> {
    this.#isProbing = true;
    const answers = await this.#hooks.probe(first).then(
      () => true,
      () => false,
    );
    this.#isProbing = false;
    if (answers) {
      this.#failures = 0;
      this.#go();
    } else this.#pause();
  }

  #pause(): void {
    const pause = Math.min(FIRST_PAUSE_MS * 2 ** this.#failures, LONGEST_PAUSE_MS) * (0.5 + Math.random() / 2);
    this.#failures++;
    if (!this.#isHeld) this.#alarm.setFor(Date.now() + pause);
  }
}
