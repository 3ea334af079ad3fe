/** One connection to the virtual database `switchyard` (or `pgbouncer`): the server's side of the PostgreSQL protocol after the startup packet. */
import type net from 'node:net';
import type { EventLog } from '../metrics/log.ts';
import { farewell } from '../session/farewell.ts';
import { splitStatements } from '../sql/facts.ts';
import { Client } from '../wire/codes.ts';
import { errorResponse, fatal } from '../wire/errors.ts';
import { MessageReader, ProtocolViolation, readCString, type Message } from '../wire/message-reader.ts';
import { authenticationOk, backendKeyData, parameterStatus, readyForQuery } from '../wire/messages.ts';
import { parameterCount, parseCommand, type Command } from './command.ts';
import { ConsoleError } from './console-error.ts';
import { execute, type Result } from './execute.ts';
import { ExtendedQuery } from './extended.ts';
import type { ConsoleHost } from './host.ts';
import { commandComplete, dataRow, emptyQuery, rowDescription } from './replies.ts';

/** What the listener knows about the client, and the cancel key it issued. */
export interface ConsoleGreeting {
  readonly pid: number;
  readonly secret: Buffer;
  /** The startup parameters. */
  readonly parameters: ReadonlyMap<string, string>;
}

/** Longest command, and most unread input while one runs; a console has no use for more. */
const maxMessageBytes = 1024 * 1024;
/** Unsent answers beyond this stop the reading of further commands. */
const maxUnsentBytes = 4 * 1024 * 1024;

type TransactionStatus = 'I' | 'T' | 'E';

/**
 * Greets the client and answers until it leaves. Owns the socket from its construction on; the listeners of the handshake
 * must be gone. An idle connection costs no timer.
 */
export class ConsoleSession {
  readonly #socket: net.Socket;
  readonly #host: ConsoleHost;
  readonly #log: EventLog;
  readonly #settings: ReadonlyMap<string, string>;
  readonly #user: string;
  readonly #reader = new MessageReader(maxMessageBytes);
  readonly #extended = new ExtendedQuery();
  #status: TransactionStatus = 'I';
  /** After an error in the extended protocol everything up to Sync is skipped. */
  #skipping = false;
  #pumping = false;
  #unread = 0;
  #clientEnded = false;
  #over = false;
  #running: AbortController | null = null;
  /** Resolves when the socket is closed; never rejects. */
  readonly closed: Promise<void>;

  /** `initialBytes`: what the client sent behind its startup packet. */
  constructor(socket: net.Socket, initialBytes: Buffer, host: ConsoleHost, log: EventLog, greeting: ConsoleGreeting) {
    this.#socket = socket;
    this.#host = host;
    this.#log = log;
    this.#user = greeting.parameters.get('user') ?? '';
    this.#settings = settingsFor(host.hostInfo().version, greeting.parameters);
    this.closed = new Promise((resolve) => {
      socket.once('close', () => {
        this.#over = true;
        this.#abort('the client is gone');
        resolve();
      });
    });
    // Answers go out in several writes; Nagle's algorithm would hold the last one back for an acknowledgement.
    socket.setNoDelay(true);
    // Every error is followed by 'close'.
    socket.on('error', () => {});
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    socket.once('end', () => this.#ended());
    const status = [...this.#settings]
      .filter(([name]) => reported.has(name))
      .map(([name, value]) => parameterStatus(reportedName(name), value));
    socket.write(Buffer.concat([authenticationOk, ...status, backendKeyData(greeting.pid, greeting.secret), readyForQuery()]));
    if (initialBytes.length > 0) this.#receive(initialBytes);
    socket.resume();
  }

  /** Ends the running command with 57014, as a CancelRequest asks for; false: none runs. */
  cancel(): boolean {
    const isRunning = this.#running !== null;
    this.#abort('canceling statement due to user request');
    return isRunning;
  }

  /** Ends the connection with FATAL 57P01: the proxy stops. */
  close(): void {
    this.#finish(fatal('57P01', 'terminating connection due to administrator command', 'Switchyard is shutting down.'));
    this.#abort('Switchyard is shutting down');
  }

  #abort(why: string): void {
    this.#running?.abort(
      new ConsoleError('57014', why, {
        detail: 'Transfers that could still be stopped stay where they are; SHOW MIGRATIONS tells about the others.',
      }),
    );
  }

  #receive(chunk: Buffer): void {
    if (this.#over) return;
    this.#reader.push(chunk);
    this.#unread += chunk.length;
    if (this.#pumping) {
      if (this.#unread > maxMessageBytes) this.#socket.pause();
      return;
    }
    void this.#pump();
  }

  /** The client will send no more. What it asked for is still answered, but nobody waits for a move any longer. */
  #ended(): void {
    this.#clientEnded = true;
    this.#abort('the client is gone');
    if (!this.#pumping) this.#finish();
  }

  /** Handles messages one after another; never rejects. */
  async #pump(): Promise<void> {
    this.#pumping = true;
    try {
      for (let message = this.#reader.next(); message !== null && !this.#over; message = this.#reader.next()) {
        await this.#handle(message);
        if (this.#socket.writableLength > maxUnsentBytes) await this.#drained();
      }
    } catch (error) {
      if (error instanceof ProtocolViolation) {
        this.#log.add('warn', 'protocol_violation', `A console client does not speak the protocol: ${error.message}.`);
        this.#finish(fatal('08P01', error.message));
      } else {
        this.#log.add(
          'error',
          'internal',
          `The console failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
        );
        this.#finish(fatal('XX000', 'internal error of the console; see the event log'));
      }
    }
    this.#pumping = false;
    this.#unread = 0;
    if (this.#clientEnded) this.#finish();
    else if (!this.#over) this.#socket.resume();
  }

  #drained(): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        this.#socket.off('drain', done).off('close', done);
        resolve();
      };
      this.#socket.on('drain', done).on('close', done);
      if (this.#socket.destroyed) done();
    });
  }

  async #handle({ type, body }: Message): Promise<void> {
    if (this.#skipping && type !== Client.Sync && type !== Client.Terminate) return;
    switch (type) {
      case Client.Query:
        this.#extended.dropUnnamed();
        await this.#guarded(() => this.#simpleQuery(body));
        this.#ready();
        return;
      case Client.Parse:
        return this.#step(() => this.#extended.parse(body));
      case Client.Bind:
        return this.#step(() => this.#extended.bind(body));
      case Client.Describe:
        return this.#step(() => this.#extended.describe(body));
      case Client.Execute:
        return this.#step(() => this.#extended.execute(body, (command, parameters) => this.#run(command, parameters)));
      case Client.Close:
        return this.#step(() => this.#extended.close(body));
      case Client.Sync:
        this.#skipping = false;
        this.#ready();
        return;
      case Client.Flush:
        return;
      case Client.FunctionCall:
        await this.#guarded(() => Promise.reject(new ConsoleError('0A000', 'this console has no functions')));
        this.#ready();
        return;
      case Client.CopyData:
      case Client.CopyDone:
      case Client.CopyFail:
        // Outside of COPY PostgreSQL drops them without a word.
        return;
      case Client.Terminate:
        this.#finish();
        return;
      default:
        throw new ProtocolViolation(`invalid frontend message type ${type}`);
    }
  }

  /** One message of the extended protocol: its answer, or its error and then silence up to Sync. */
  async #step(answer: () => Buffer | Promise<Buffer>): Promise<void> {
    const fine = await this.#guarded(async () => this.#send(await answer()));
    if (!fine) this.#skipping = true;
  }

  /** Sends what goes wrong as an ErrorResponse; false if something did. */
  async #guarded(action: () => Promise<void>): Promise<boolean> {
    try {
      await action();
      return true;
    } catch (error) {
      if (this.#status === 'T') this.#status = 'E';
      this.#send(errorResponse(this.#errorFields(error)));
      return false;
    }
  }

  #errorFields(error: unknown) {
    if (error instanceof ConsoleError) {
      return { severity: 'ERROR', sqlState: error.sqlState, message: error.message, detail: error.detail, hint: error.hint };
    }
    if (error instanceof ProtocolViolation || error instanceof RangeError) {
      return { severity: 'ERROR', sqlState: '08P01', message: `the message cannot be read: ${error.message}` };
    }
    this.#log.add(
      'error',
      'internal',
      `A console command failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
    );
    return { severity: 'ERROR', sqlState: 'XX000', message: error instanceof Error ? error.message : String(error) };
  }

  async #simpleQuery(body: Buffer): Promise<void> {
    const sql = readCString(body, 0).text;
    const commands = splitStatements(sql).map(({ start, end }) => parseCommand(sql.slice(start, end)));
    if (commands.length === 0) this.#send(emptyQuery);
    for (const command of commands) {
      const number = parameterCount(command);
      if (number > 0) throw new ConsoleError('42P02', `there is no parameter $${number}`);
      const { columns, rows, tag } = await this.#run(command, []);
      const frames = columns === null ? [] : [rowDescription(columns), ...rows.map((row) => dataRow(row))];
      this.#send(Buffer.concat([...frames, commandComplete(tag)]));
    }
  }

  async #run(command: Command, parameters: readonly (string | null)[]): Promise<Result> {
    const ends = command.kind === 'transaction' && command.tag !== 'BEGIN';
    if (this.#status === 'E' && !ends) {
      throw new ConsoleError('25P02', 'current transaction is aborted, commands ignored until end of transaction block');
    }
    if (command.kind === 'forget') this.#extended.deallocate(command.name);
    const running = new AbortController();
    this.#running = running;
    try {
      const result = await orAborted(
        execute(command, parameters, { host: this.#host, settings: this.#settings, user: this.#user, signal: running.signal }),
        running.signal,
      );
      if (command.kind !== 'transaction') return result;
      const failed = this.#status === 'E';
      this.#status = ends ? 'I' : 'T';
      return failed ? { ...result, tag: 'ROLLBACK' } : result;
    } finally {
      this.#running = null;
    }
  }

  #ready(): void {
    if (this.#status === 'I') this.#extended.endTransaction();
    this.#send(readyForQuery(this.#status));
  }

  #send(frames: Buffer): void {
    if (!this.#over && this.#socket.writable) this.#socket.write(frames);
  }

  #finish(lastWords?: Buffer): void {
    if (this.#over) return;
    this.#over = true;
    farewell(this.#socket, lastWords);
  }
}

/** `work`, unless `signal` fires first; then its reason. What `work` comes to afterwards nobody waits for. */
function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason instanceof Error ? signal.reason : new Error('aborted'));
    signal.addEventListener('abort', onAbort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}

/** Settings PostgreSQL reports by itself, in its spelling. */
const reportedNames = [
  'server_version',
  'server_encoding',
  'client_encoding',
  'DateStyle',
  'IntervalStyle',
  'TimeZone',
  'integer_datetimes',
  'standard_conforming_strings',
  'is_superuser',
  'session_authorization',
  'application_name',
];
const reported = new Map(reportedNames.map((name) => [name.toLowerCase(), name]));

function reportedName(name: string): string {
  return reported.get(name) ?? name;
}

/** What SHOW <setting> answers, by lower-case name; drivers ask for some of these on connecting. */
function settingsFor(version: string, startup: ReadonlyMap<string, string>): Map<string, string> {
  return new Map([
    ['server_version', `18.0 (Switchyard ${version})`],
    ['server_version_num', '180000'],
    ['server_encoding', 'UTF8'],
    ['client_encoding', 'UTF8'],
    ['datestyle', 'ISO, MDY'],
    ['intervalstyle', 'postgres'],
    ['timezone', 'UTC'],
    ['integer_datetimes', 'on'],
    ['standard_conforming_strings', 'on'],
    ['is_superuser', 'off'],
    ['session_authorization', startup.get('user') ?? ''],
    ['application_name', startup.get('application_name') ?? ''],
    ['transaction_isolation', 'read committed'],
    ['default_transaction_isolation', 'read committed'],
    ['transaction_read_only', 'off'],
    ['default_transaction_read_only', 'off'],
    ['search_path', ''],
  ]);
}
