/** One connection after its login: simple and extended protocol, COPY, cancels, notifications. */
import { Client } from '../../../core/wire/codes.ts';
import { errorResponse } from '../../../core/wire/errors.ts';
import { readCString, type Message } from '../../../core/wire/message-reader.ts';
import { readyForQuery } from '../../../core/wire/messages.ts';
import { iterate, sayColumns, sayCopyOut, sayParameters, sayRows } from './answer-writer.ts';
import {
  bindComplete,
  commandComplete,
  closeComplete,
  copyResponse,
  emptyQuery,
  noData,
  notification,
  parameterDescription,
  parseComplete,
} from './answers.ts';
import type { Cluster, Listener } from './cluster.ts';
import { readBind, readParse } from './extended-messages.ts';
import type { Inbox } from './inbox.ts';
import type { Output } from './output.ts';
import type { ConversationContext, Losses, Outcome, Plan, Portal, SessionState } from './session-state.ts';
import { Gone, SqlError } from './sql-error.ts';
import { statementsOf } from './sql-text.ts';
import { planOf } from './statements.ts';

/** What a conversation is about. */
export interface ConversationOptions {
  readonly cluster: Cluster;
  readonly session: SessionState;
  readonly inbox: Inbox;
  readonly output: Output;
  readonly podId: number;
  readonly pid: number;
  readonly losses: () => Losses;
  /** Aborted when the connection is gone. */
  readonly gone: AbortSignal;
}

/** See the head of this file. */
export class Conversation implements Listener {
  readonly #options: ConversationOptions;
  readonly #session: SessionState;
  readonly #output: Output;
  readonly #inbox: Inbox;
  readonly #channels = new Set<string>();
  #notifications: Buffer[] = [];
  #running: AbortController | null = null;
  /** After an error in the extended protocol: nothing counts before the next Sync. */
  #isSkipping = false;
  /** Knobs of the ReadyForQuery that comes. */
  #last: Plan | null = null;

  constructor(options: ConversationOptions) {
    this.#options = options;
    this.#session = options.session;
    this.#output = options.output;
    this.#inbox = options.inbox;
  }

  /** Until the client says goodbye or is gone. Rejects with `Gone` where a knob ends it. */
  async run(): Promise<void> {
    try {
      for (let message = await this.#inbox.next(); message !== null; message = await this.#inbox.next()) {
        if (message.type === Client.Terminate) break;
        await this.#take(message);
        this.#tell();
      }
    } finally {
      for (const channel of this.#channels) this.#options.cluster.listeners.get(channel)?.delete(this);
    }
  }

  /** A CancelRequest with its key. */
  cancel(): void {
    this.#running?.abort();
  }

  notify(pid: number, channel: string, payload: string): void {
    this.#notifications.push(notification(pid, channel, payload));
    this.#tell();
  }

  /** Notifications go out at once to a client that waits for nothing. */
  #tell(): void {
    if (this.#session.status !== 'I' || !this.#inbox.isAwaited || this.#notifications.length === 0) return;
    this.#sayNotifications()
      .then(() => this.#output.flush())
      .catch((error: unknown) => {
        if (!(error instanceof Gone)) throw error;
      });
  }

  async #sayNotifications(): Promise<void> {
    for (const each of this.#notifications.splice(0)) await this.#output.say(each);
  }

  async #take(message: Message): Promise<void> {
    if (this.#isSkipping && message.type !== Client.Sync) return;
    try {
      await this.#answer(message);
    } catch (error) {
      if (!(error instanceof SqlError)) throw error;
      await this.#fail(error);
      if (message.type === Client.Query) await this.#ready();
      else if (message.type !== Client.Sync) this.#isSkipping = true;
    }
  }

  async #answer({ type, body }: Message): Promise<void> {
    switch (type) {
      case Client.Query:
        return await this.#query(readCString(body, 0).text);
      case Client.Parse: {
        const { name, sql, hints } = readParse(body);
        const text = statementsOf(sql)[0] ?? '';
        if (name === '' && this.#options.cluster.failedParseDropsUnnamed) this.#session.statements.delete('');
        this.#session.prepare({ name, sql, hints, plan: text === '' ? emptyPlan : planOf(text, hints, this.#session) });
        return await this.#output.say(parseComplete);
      }
      case Client.Bind: {
        const { portal, statement: name, read, formats } = readBind(body);
        const statement = this.#session.use(name);
        const values = read(statement.plan.parameters);
        this.#session.portals.set(portal, { statement, values, formats, rows: null, isDone: false });
        return await this.#output.say(bindComplete);
      }
      case Client.Describe:
        return await this.#describe(body);
      case Client.Execute: {
        const { text: name, end } = readCString(body, 0);
        return await this.#execute(this.#session.portal(name), body.readInt32BE(end));
      }
      case Client.Close: {
        const { text: name } = readCString(body, 1);
        if (body[0] === 0x53) this.#session.statements.delete(name);
        else this.#session.portals.delete(name);
        return await this.#output.say(closeComplete);
      }
      case Client.Flush:
        return await this.#output.flush();
      case Client.Sync:
        this.#isSkipping = false;
        if (this.#session.status === 'I') this.#session.portals.clear();
        return await this.#ready();
      // What is left of a COPY that has failed.
      case Client.CopyData:
      case Client.CopyDone:
      case Client.CopyFail:
        return;
      default:
        await this.#output.say(
          errorResponse({ severity: 'FATAL', sqlState: '08P01', message: `unrecognized message type ${String.fromCharCode(type)}` }),
        );
        await this.#output.end();
        throw new Gone('it does not speak the protocol');
    }
  }

  async #query(text: string): Promise<void> {
    if (this.#options.cluster.queryDropsUnnamed) this.#session.statements.delete('');
    this.#session.portals.delete('');
    const statements = statementsOf(text);
    if (statements.length === 0) await this.#output.say(emptyQuery);
    for (const sql of statements) {
      const plan = planOf(sql, [], this.#session);
      const portal: Portal = { statement: { name: '', sql, hints: [], plan }, values: [], formats: [], rows: null, isDone: false };
      this.#refuseInFailed(plan);
      if (plan.columns !== null) await sayColumns(this.#output, plan, plan.columns, []);
      await this.#run(portal, 0);
    }
    await this.#ready();
  }

  async #describe(body: Buffer): Promise<void> {
    const { text: name } = readCString(body, 1);
    const portal = body[0] === 0x53 ? null : this.#session.portal(name);
    const statement = portal?.statement ?? this.#session.use(name);
    if (portal === null) await this.#output.say(parameterDescription(statement.plan.parameters));
    if (statement.plan.columns === null) await this.#output.say(noData);
    else await sayColumns(this.#output, statement.plan, statement.plan.columns, portal?.formats ?? []);
  }

  async #execute(portal: Portal, limit: number): Promise<void> {
    this.#refuseInFailed(portal.statement.plan);
    if (portal.statement.plan === emptyPlan) return await this.#output.say(emptyQuery);
    await this.#run(portal, limit);
  }

  async #run(portal: Portal, limit: number): Promise<void> {
    const { plan, sql } = portal.statement;
    const running = new AbortController();
    const isGone = (): void => running.abort();
    this.#options.gone.addEventListener('abort', isGone, { once: true });
    this.#running = running;
    try {
      if (plan.knobs === undefined) await this.#output.say(Buffer.alloc(0), 'query', sql);
      else this.#last = plan;
      let outcome: Outcome = { command: 'SELECT' };
      if (portal.rows === null && !portal.isDone) {
        outcome = await plan.run(portal.values, this.#context(running.signal));
        portal.rows = iterate(outcome.rows);
      }
      await sayParameters(this.#output, outcome);
      if (outcome.copyIn !== undefined) await this.#copyIn(outcome.copyIn);
      else if (outcome.copyOut !== undefined) await sayCopyOut(this.#output, outcome.copyOut, outcome.command);
      else portal.isDone = await sayRows(this.#output, portal, outcome, limit);
    } finally {
      this.#running = null;
      this.#options.gone.removeEventListener('abort', isGone);
    }
  }

  async #copyIn(take: (data: string) => string): Promise<void> {
    await this.#output.say(copyResponse('in'));
    await this.#output.flush();
    const data: Buffer[] = [];
    for (;;) {
      const message = await this.#inbox.next();
      if (message === null) throw new Gone('the client left in the middle of a COPY');
      switch (message.type) {
        case Client.CopyData:
          data.push(message.body);
          break;
        case Client.CopyDone:
          return await this.#output.say(commandComplete(take(Buffer.concat(data).toString('utf8'))));
        case Client.CopyFail:
          throw new SqlError('57014', `COPY from stdin failed: ${readCString(message.body, 0).text}`);
        case Client.Flush:
        case Client.Sync:
          break;
        default:
          // An injected message of any other type costs the connection.
          await this.#answer({ type: 0x3f, body: message.body });
      }
    }
  }

  #context(signal: AbortSignal): ConversationContext {
    const { cluster, podId, pid, losses } = this.#options;
    return {
      session: this.#session,
      cluster,
      podId,
      pid,
      signal,
      losses: losses(),
      plan: (sql, hints) => {
        const text = statementsOf(sql)[0] ?? '';
        return text === '' ? emptyPlan : planOf(text, hints, this.#session);
      },
      listen: (channel) => {
        const listeners = cluster.listeners.get(channel) ?? new Set();
        cluster.listeners.set(channel, listeners.add(this));
        this.#channels.add(channel);
      },
      unlisten: (channel) => {
        for (const each of channel === '*' ? [...this.#channels] : [channel]) {
          cluster.listeners.get(each)?.delete(this);
          this.#channels.delete(each);
        }
      },
    };
  }

  #refuseInFailed(plan: Plan): void {
    if (this.#session.status !== 'E' || plan.runsInFailed === true) return;
    throw new SqlError('25P02', 'current transaction is aborted, commands ignored until end of transaction block');
  }

  async #fail(error: SqlError): Promise<void> {
    if (this.#session.status === 'T') this.#session.status = 'E';
    await this.#output.say(errorResponse({ severity: 'ERROR', sqlState: error.sqlState, message: error.message }));
    await this.#output.flush();
  }

  async #ready(): Promise<void> {
    if (this.#session.status === 'I') await this.#sayNotifications();
    const knobs = this.#last?.knobs;
    this.#last = null;
    const ready = readyForQuery(this.#session.status);
    try {
      await this.#output.say(ready, knobs === undefined ? undefined : `${knobs}-Z`);
    } catch (error) {
      if (!(error instanceof SqlError)) throw error;
      await this.#fail(error);
      await this.#output.say(ready);
    }
    await this.#output.flush();
  }
}

const emptyPlan: Plan = { parameters: [], columns: null, runsInFailed: true, run: () => ({ command: '' }) };
