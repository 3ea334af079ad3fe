/** What the proxy sends in front of a client's message, so that the server has the statement the message uses. */
import { bind, close, execute } from '../../wire/messages.ts';
import { Expected, type ExpectedAnswers } from '../expected-answers.ts';
import type { OnItsWay } from './on-its-way.ts';
import { PREPARED_LIMIT, type PreparedHere } from './prepared-here.ts';
import { setLocalParameters } from './set-local.ts';
import type { SharedStatements } from './shared.ts';
import { SERVER_PREFIX, type ParseContext, type Statement } from './statement.ts';

/** A portal of the proxy's own. */
const PORTAL = SERVER_PREFIX;

/** See the head of this file. */
export class OwnMessages {
  /** The bytes, in order; whoever forwards the client's message takes them. */
  readonly front: Buffer[] = [];
  readonly #shared: SharedStatements;
  readonly #expected: ExpectedAnswers;
  readonly #onItsWay: OnItsWay;

  constructor(shared: SharedStatements, expected: ExpectedAnswers, onItsWay: OnItsWay) {
    this.#shared = shared;
    this.#expected = expected;
    this.#onItsWay = onItsWay;
  }

  /** Its name is taken on the server, once what is on its way has arrived. */
  has(here: PreparedHere, statement: Statement): boolean {
    const pending = this.#onItsWay.statements.get(statement);
    return pending === undefined ? here.has(statement) : pending.kind !== 'own close';
  }

  /** It can be used on the server, once what is on its way has arrived. */
  use(here: PreparedHere, statement: Statement): boolean {
    const pending = this.#onItsWay.statements.get(statement);
    return pending === undefined ? here.use(statement) : pending.kind !== 'own close';
  }

  /** Makes its name free for a Parse. */
  free(here: PreparedHere, statement: Statement): void {
    if (this.has(here, statement)) {
      this.close(statement);
      return;
    }
    for (let over = Math.min(2, here.size + 1 - PREPARED_LIMIT); over > 0; over--) {
      const oldest = here.oldest(this.#onItsWay.statements);
      if (oldest !== null) this.close(oldest);
    }
  }

  /** Parses it where it is missing, under the present settings. `isSame`: those are its own. */
  parse(here: PreparedHere, statement: Statement, isSame: boolean): void {
    if (statement.frame === null) return;
    this.free(here, statement);
    // Parsed under other settings than its own it is good for this session's next message and for nobody else.
    const generation = isSame ? statement.generation : -1;
    this.#onItsWay.add({ kind: 'own parse', number: this.#expected.next, statement, generation });
    this.parseFrame(statement.frame);
  }

  /** Parses it under settings that are not the present ones, and takes those back; only in a transaction block. */
  parseUnder(here: PreparedHere, statement: Statement, under: ParseContext): void {
    const { savepoint, setLocal, rollBack, forget } = this.#shared.own;
    for (const own of [savepoint, setLocal, rollBack, forget]) if (!this.use(here, own)) this.parse(here, own, true);
    this.#run(savepoint);
    this.#run(setLocal, setLocalParameters(under));
    this.parse(here, statement, true);
    this.#run(rollBack);
    this.#run(forget);
  }

  close(statement: Statement): void {
    this.#onItsWay.add({ kind: 'own close', number: this.#expected.next, statement });
    this.send(Expected.OwnClose, close('S', statement.name));
  }

  parseFrame(frame: Buffer): void {
    this.#shared.ownParses++;
    this.send(Expected.OwnParse, frame);
  }

  send(kind: (typeof Expected)['OwnParse' | 'OwnBind' | 'OwnExecute' | 'OwnClose'], frame: Buffer): void {
    this.#expected.push(kind);
    this.front.push(frame);
  }

  #run(statement: Statement, parameters: readonly string[] = []): void {
    this.send(Expected.OwnBind, bind(PORTAL, statement.name, parameters));
    this.send(Expected.OwnExecute, execute(PORTAL));
    this.send(Expected.OwnClose, close('P', PORTAL));
  }
}
