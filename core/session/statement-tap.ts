/** Listens to one session whose statements are captured: which statements pass, when each is answered, and with what error. */
import type { CapturedStatement } from '../contract/index.ts';
import type { KeptText } from '../sql/redact.ts';
import { Client, HEADER_BYTES } from '../wire/codes.ts';
import { readErrorFields } from '../wire/errors.ts';

/** A statement under way. */
export interface OpenStatement {
  /** Changes with whatever changes of it: readers go by it. */
  revision: number;
  /** By the clock of `performance.now`. */
  readonly startedAt: number;
  row: CapturedStatement;
}

/** Where a tap tells what it hears. */
export interface TapSink {
  /** `bytes[start, end)` as it may be kept. */
  textOf(bytes: Buffer, start: number, end: number, complete: boolean): KeptText;
  /** A statement passes. `text` null: it was prepared before the capture began. */
  add(sessionId: number, via: CapturedStatement['via'], name: string | null, text: KeptText | null): OpenStatement;
  /** What was prepared is run. */
  runs(statement: OpenStatement): void;
  answered(statement: OpenStatement): void;
  failed(statement: OpenStatement, sqlState: string): void;
  /** What a session's statement of this name is. */
  remember(sessionId: number, name: string, text: KeptText): void;
  recall(sessionId: number, name: string): KeptText | null;
}

/** What passed up to one ReadyForQuery. */
type Cycle = readonly OpenStatement[];

/** See the head of this file. One per captured session, in `Link.capture`; without one a session pays for a look at a null. */
export class StatementTap {
  readonly #capture: TapSink;
  readonly #sessionId: number;
  /** ReadyForQuery messages still to come: `ExpectedAnswers.outstanding`. */
  readonly #outstanding: () => number;
  /** Since the last Sync. */
  #cycle: OpenStatement[] = [];
  readonly #cycles: Cycle[] = [];
  /** What was only prepared, by its name, until it is run or the next Sync. */
  #prepared: { readonly name: string; readonly statement: OpenStatement } | null = null;

  constructor(capture: TapSink, sessionId: number, outstanding: () => number) {
    this.#capture = capture;
    this.#sessionId = sessionId;
    this.#outstanding = outstanding;
  }

  /** A message of the client's passes: `bytes[start, end)` with its header; `complete` false when only its beginning is at hand. */
  noted(type: number, bytes: Buffer, start: number, end: number, complete: boolean): void {
    switch (type) {
      case Client.Query: {
        const text = this.#capture.textOf(bytes, start + HEADER_BYTES, complete ? end - 1 : end, complete);
        this.#cycles.push([...this.#cycle, this.#capture.add(this.#sessionId, 'query', null, text)]);
        this.#cycle = [];
        this.#prepared = null;
        return;
      }
      case Client.Parse: {
        const nameEnd = bytes.indexOf(0, start + HEADER_BYTES);
        if (nameEnd < 0 || nameEnd >= end) return;
        const name = bytes.toString('utf8', start + HEADER_BYTES, nameEnd);
        const found = bytes.indexOf(0, nameEnd + 1);
        const isWhole = found >= 0 && found < end;
        const text = this.#capture.textOf(bytes, nameEnd + 1, isWhole ? found : end, isWhole);
        this.#capture.remember(this.#sessionId, name, text);
        const statement = this.#capture.add(this.#sessionId, 'prepare', name === '' ? null : name, text);
        this.#prepared = { name, statement };
        this.#cycle.push(statement);
        return;
      }
      case Client.Bind: {
        const portalEnd = bytes.indexOf(0, start + HEADER_BYTES);
        const nameEnd = portalEnd < 0 ? -1 : bytes.indexOf(0, portalEnd + 1);
        if (nameEnd < 0 || nameEnd >= end) return;
        const name = bytes.toString('utf8', portalEnd + 1, nameEnd);
        const prepared = this.#prepared;
        this.#prepared = null;
        if (prepared?.name === name) this.#capture.runs(prepared.statement);
        else
          this.#cycle.push(
            this.#capture.add(this.#sessionId, 'execute', name === '' ? null : name, this.#capture.recall(this.#sessionId, name)),
          );
        return;
      }
      case Client.Sync:
      case Client.FunctionCall:
        this.#cycles.push(this.#cycle);
        this.#cycle = [];
        this.#prepared = null;
        return;
      default:
    }
  }

  /** ReadyForQuery came, and the expected answers know it. What stood there before the capture began is not counted here. */
  ready(): void {
    const outstanding = this.#outstanding();
    while (this.#cycles.length > outstanding) for (const statement of this.#cycles.shift() ?? []) this.#capture.answered(statement);
  }

  /** An ErrorResponse came; `body`: all that is at hand of it. */
  failed(body: Buffer): void {
    if (this.#cycles.length < this.#outstanding()) return;
    const { sqlState } = readErrorFields(body);
    for (const statement of this.#cycles[0] ?? this.#cycle) this.#capture.failed(statement, sqlState);
  }
}
