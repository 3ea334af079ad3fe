/** What ties a session to its server connection and no look at the server can see: what its statements have done, and those it keeps. */
import type { PoolProfile } from '../contract/index.ts';
import { Effect } from '../sql/effects.ts';
import type { StatePin } from '../state/pins.ts';
import type { Forwarder } from './forwarder.ts';
import { ALWAYS } from './journal.ts';

/** The session, as far as it matters here. */
export interface TiedSession {
  readonly id: number;
  readonly application: string;
  readonly place: { readonly endpoint: string };
  readonly forwarder: Forwarder;
}

const TIES = {
  prepared_statement: {
    code: 'prepared_statement',
    reason: 'it has prepared a statement while settings that decide its meaning were changing, or one that is too large',
    endsWhen: 'the statement is closed, or DISCARD ALL',
  },
  large_unnamed_statement: {
    code: 'unnamed_statement',
    reason: 'its unnamed statement is too large to be kept',
    endsWhen: 'its next statement',
  },
  sticky: {
    code: 'library_or_seed',
    reason: 'it has loaded a library, set the random seed, opened a dblink connection, or become another user',
    endsWhen: 'the client leaves',
  },
  sequence: {
    code: 'sequence',
    reason: 'it has used a sequence, and currval and lastval are to tell so',
    endsWhen: 'DISCARD SEQUENCES or DISCARD ALL, or the client leaves (profile compatible does not pin for this)',
  },
  unnamed_statement: {
    code: 'unnamed_statement',
    reason: 'its unnamed statement was parsed under other settings than it has now',
    endsWhen: 'its next statement',
  },
} as const satisfies Readonly<Record<string, StatePin>>;

type Tie = keyof typeof TIES;

const SEQUENCES = Effect.SequenceRead | Effect.SequenceUse | Effect.Write;
const FORGETS_SEQUENCES = /^discard\s+(?:all|sequences)\b/i;

/** See the head of this file. */
export class Ties {
  /** Something was done that nothing undoes: others cannot have the server connection after it. */
  isSticky = false;
  /** It may have used a sequence on the server connection it has, or had last. */
  hasTouchedSequences = false;
  #hasEverTouched = false;
  #hasSequences = false;
  #last: Tie | null = null;
  readonly #session: TiedSession;
  readonly #sequenceReaders: Set<string>;
  readonly #warn: (message: string) => void;

  /** `sequenceReaders`: the applications that have asked for currval or lastval, wherever they were: sessions move. */
  constructor(session: TiedSession, sequenceReaders: Set<string>, warn: (message: string) => void) {
    this.#session = session;
    this.#sequenceReaders = sequenceReaders;
    this.#warn = warn;
  }

  /** Sessions of its application are known to read currval or lastval. */
  get isReader(): boolean {
    return this.#sequenceReaders.size > 0 && this.#sequenceReaders.has(this.#reader);
  }

  get #reader(): string {
    return this.#session.application;
  }

  /** What its statements may have done (`Effect`) since this was last called. */
  note(effects: number, profile: PoolProfile): void {
    if ((effects & Effect.Sticky) !== 0) this.isSticky = true;
    const { journal } = this.#session.forwarder;
    if (journal.kind === 'DISCARD' && FORGETS_SEQUENCES.test(journal.suspect ?? '')) this.#hasSequences = false;
    else if ((effects & SEQUENCES) !== 0) this.#noteSequences(effects, profile);
  }

  /** Whether `pins` would say something else than it said last. */
  hasChanged(profile: PoolProfile): boolean {
    return this.#now(profile) !== this.#last;
  }

  /** The reason, if there is one. */
  pins(profile: PoolProfile): readonly StatePin[] {
    this.#last = this.#now(profile);
    return this.#last === null ? [] : [TIES[this.#last]];
  }

  /**
   * `currval` and `lastval` tell what a session did last only where it did it, and where nobody else did since. Whether it will ever ask
   * cannot be known; that sessions of its application do is learned from the first.
   */
  #noteSequences(effects: number, profile: PoolProfile): void {
    if ((effects & (Effect.SequenceUse | Effect.Write)) !== 0) {
      this.hasTouchedSequences = true;
      this.#hasEverTouched = true;
    }
    if ((effects & Effect.SequenceUse) !== 0) this.#hasSequences = true;
    const reads = (effects & Effect.SequenceRead) !== 0;
    if (reads && !this.isReader) {
      const { id, application } = this.#session;
      this.#sequenceReaders.add(this.#reader);
      if (profile === 'strict') {
        this.#warn(
          `Session ${id} (${application || 'unnamed'}) reads currval or lastval: this time that may be another session's. From now on, sessions of this application are pinned once they have written.`,
        );
      }
    }
    this.#hasSequences ||= this.isReader && this.#hasEverTouched;
  }

  #now(profile: PoolProfile): Tie | null {
    const { journal, link } = this.#session.forwarder;
    if (profile === 'observe') return null;
    if (this.isSticky) return 'sticky';
    if (this.#hasSequences && profile === 'strict') return 'sequence';
    if ((link.names?.privateCount ?? 0) > 0) return 'prepared_statement';
    if (journal.unnamedTooLarge > 0) return 'large_unnamed_statement';
    const isKept = journal.unnamedParse !== null && journal.unnamedKey !== ALWAYS;
    return isKept && journal.unnamedKey !== journal.parseKey ? 'unnamed_statement' : null;
  }
}
