/** Collects the steps of one session while fragments add to it. */
import type { Random } from '../../fuzz/support/random.ts';
import { readyCount, type Frame, type SendStep, type Step } from './script.ts';

/** A piece of a session: adds some steps that belong together. */
export interface Fragment {
  readonly kind: string;
  /** How often, in comparison with others. */
  readonly weight: number;
  /** It leaves something on the server that other servers do not have. */
  readonly writes?: true;
  make(maker: Maker): void;
}

/** See the head of this file. */
export class Maker {
  readonly random: Random;
  readonly steps: Step[] = [];
  readonly kinds: string[] = [];
  readonly startup: Readonly<Record<string, string>>;
  /** Number of the session in its batch. */
  readonly slot: number;
  /** Its own schema. */
  readonly schema: string;
  readonly #base: number;
  #life = 0;

  constructor(random: Random, slot: number, schedule: number, startup: Readonly<Record<string, string>>) {
    this.random = random;
    this.slot = slot;
    this.schema = `s${slot}`;
    this.startup = startup;
    this.#base = (schedule % 1_000_000) * 1_000 + slot * 100;
  }

  /** A connection; the session's steps go on in it. */
  open(startup: Readonly<Record<string, string>> = this.startup): void {
    this.#life++;
    this.steps.push({ do: 'open', startup });
  }

  /** One of three keys for advisory locks that nobody else uses, nor this session before it was last connected. */
  lockKey(): number {
    return this.#base + (this.#life % 30) * 3 + this.random.below(3);
  }

  /** A word that no other session uses. */
  mark(): string {
    return `mark${this.#base}x${this.steps.length}`;
  }

  /** A statement, by the simple or the extended protocol. */
  sql(sql: string): void {
    if (this.random.below(10) < 6) this.query(sql);
    else this.send([...this.cycle(sql), { t: 'S' }]);
  }

  /** A simple query. */
  query(sql: string): void {
    this.send([{ t: 'Q', sql }]);
  }

  /** Parse, Bind, perhaps Describe, Execute of the unnamed statement; no Sync. */
  cycle(sql: string, values: readonly (string | null)[] = []): Frame[] {
    return [{ t: 'P', name: '', sql }, ...this.run('', values)];
  }

  /** Bind, perhaps Describe, Execute of a statement. */
  run(name: string, values: readonly (string | null)[] = []): Frame[] {
    const describe: Frame[] = this.random.oneIn(2) ? [{ t: 'D', of: 'P', name: '' }] : [];
    return [{ t: 'B', portal: '', name, values }, ...describe, { t: 'E', portal: '', rows: 0 }];
  }

  send(frames: readonly Frame[], more: Omit<SendStep, 'do' | 'frames'> = {}): void {
    const split = this.random.oneIn(12) ? { split: true as const } : {};
    this.steps.push({ do: 'send', frames, ...split, ...more });
  }

  /** Frames that end in a Flush; answered up to the first of these types. The Sync that follows owes nothing. */
  sendAndFlush(frames: readonly Frame[], until: string): void {
    this.send([...frames, { t: 'H' }], { owes: 1, until });
  }

  /** What ends a group begun with `sendAndFlush`. */
  finishFlush(frames: readonly Frame[]): void {
    this.send([...frames, { t: 'S' }], { owes: readyCount(frames) });
  }

  pick<T>(items: readonly T[]): T {
    return this.random.pick(items);
  }

  oneIn(count: number): boolean {
    return this.random.oneIn(count);
  }
}
