/** What a differential case is made of: plain data, so that it can be printed, shortened, kept in a file and played again. */
import { bind, closeStatement, cstring, execute, flush, int16, int32, message, sync, terminate } from '../../support/wire-client.ts';

/** One message of the client. */
export type Frame =
  | { readonly t: 'Q'; readonly sql: string }
  | { readonly t: 'P'; readonly name: string; readonly sql: string; readonly types?: readonly number[] }
  | { readonly t: 'B'; readonly portal: string; readonly name: string; readonly values: readonly (string | null)[] }
  | { readonly t: 'D' | 'C'; readonly of: 'S' | 'P'; readonly name: string }
  | { readonly t: 'E'; readonly portal: string; readonly rows: number }
  | { readonly t: 'F'; readonly oid: number; readonly args: readonly string[] }
  | { readonly t: 'd'; readonly data: string }
  | { readonly t: 'f'; readonly reason: string }
  | { readonly t: 'H' | 'S' | 'c' | 'X' };

/** One thing a client does and then looks at the answer to. */
export type Step =
  | { readonly do: 'open'; readonly startup: Readonly<Record<string, string>> }
  | SendStep
  /** Runs `sql`, which sleeps and holds the word `mark`; cancelled over the wire as soon as the server is seen to run it. */
  | { readonly do: 'cancel'; readonly frames: readonly Frame[]; readonly mark: string }
  /**
   * `terminate`: the frames and a Terminate in one write; `half-close`: the frames, then FIN, then the answers are read; `vanish`: the
   * frames, and the connection is dropped without looking at anything.
   */
  | { readonly do: 'leave'; readonly how: 'terminate' | 'half-close' | 'vanish'; readonly frames: readonly Frame[] };

/** See `Step`. */
export interface SendStep {
  readonly do: 'send';
  readonly frames: readonly Frame[];
  /** ReadyForQuery messages that follow from these frames, now or, where a later step sends the Sync, then. Default: counted. */
  readonly owes?: number;
  /** Goes on at the first of these types even while a ReadyForQuery is owed. */
  readonly until?: string;
  /** Sent only while the server waits for COPY data. */
  readonly ifCopying?: true;
  /** Every frame in a write of its own. */
  readonly split?: true;
}

/** One client's life, or several lives one after the other. */
export interface SessionScript {
  readonly steps: readonly Step[];
  /** Names of the kinds of steps it was made of, for the statistics. */
  readonly kinds: readonly string[];
  /** It writes nothing that outlives it, so that a server with the same data is as good as its own. */
  readonly roams: boolean;
}

/** Some sessions that run side by side. Number `n` of them owns the schema `s<n>`. */
export interface Batch {
  /** Decides who goes next, who pauses and who moves. */
  readonly schedule: number;
  readonly moves: boolean;
  /** What all clients without startup parameters of their own say. */
  readonly startup: Readonly<Record<string, string>>;
  readonly sessions: readonly SessionScript[];
}

/** The bytes of a frame. */
export function encode(frame: Frame): Buffer {
  switch (frame.t) {
    case 'Q':
      return message('Q', cstring(frame.sql));
    case 'P': {
      const types = frame.types ?? [];
      return message('P', cstring(frame.name), cstring(frame.sql), int16(types.length), ...types.map(int32));
    }
    case 'B':
      return bind(frame.portal, frame.name, [...frame.values]);
    case 'D':
      return message('D', Buffer.from(frame.of), cstring(frame.name));
    case 'C':
      return frame.of === 'S' ? closeStatement(frame.name) : message('C', Buffer.from('P'), cstring(frame.name));
    case 'E':
      return execute(frame.portal, frame.rows);
    case 'F':
      return message('F', int32(frame.oid), int16(0), int16(frame.args.length), ...frame.args.flatMap(argument), int16(0));
    case 'd':
      return message('d', Buffer.from(frame.data, 'utf8'));
    case 'f':
      return message('f', cstring(frame.reason));
    case 'H':
      return flush;
    case 'S':
      return sync;
    case 'c':
      return message('c');
    case 'X':
      return terminate;
  }
}

/** ReadyForQuery messages that frames are answered with, one after the other and outside of COPY. */
export function readyCount(frames: readonly Frame[]): number {
  return frames.filter(({ t }) => t === 'Q' || t === 'S' || t === 'F').length;
}

/** A step as a line for a person. */
export function wording(step: Step): string {
  switch (step.do) {
    case 'open':
      return `open ${JSON.stringify(step.startup)}`;
    case 'leave':
      return `${step.how} ${step.frames.map(frameWords).join('  ')}`;
    case 'cancel':
      return `cancel ${step.frames.map(frameWords).join('  ')}`;
    case 'send':
      return `${step.ifCopying ? '(while copying) ' : ''}${step.frames.map(frameWords).join('  ')}${step.until === undefined ? '' : `  … ${step.until}`}`;
  }
}

function frameWords(frame: Frame): string {
  const { t, ...rest } = frame;
  return [t, ...Object.values(rest).map((value: unknown) => JSON.stringify(value))].join(' ');
}

function argument(value: string): Buffer[] {
  const bytes = Buffer.from(value, 'utf8');
  return [int32(bytes.length), bytes];
}
