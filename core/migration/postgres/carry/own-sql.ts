/**
 * SQL of the proxy's own on a session's connection: named statements only, which leave the client's unnamed one alone, in one implicit
 * transaction, behind settings that hold for it only. What it reads and writes looks the same whatever the client has set.
 */
import { ExchangeDeadline, type ServerConnection } from '../../../backend/server-connection.ts';
import { cleanUpCapture, serverVersionOf } from '../../../state/capture.ts';
import { Client, HEADER_BYTES, Server } from '../../../wire/codes.ts';
import { readErrorFields, type ErrorFields } from '../../../wire/errors.ts';
import { readCString, readDataRow, type Message } from '../../../wire/message-reader.ts';
import { bind, close, describe, execute, frame, parse, syncMessage } from '../../../wire/messages.ts';

const OWN = '_swy_carry';
const CLEAN_UP_MS = 2_000;
/** How long a connection may take to come to rest after a deadline and a cancel request, in milliseconds, before it is given up. */
const REST_MS = 5_000;
const COPY_CHUNK = 64 * 1024;

/** One statement. */
export interface Step {
  /** What it does, for a failure: `the temporary table "x"`. */
  readonly label: string;
  readonly sql: string;
  readonly parameters?: readonly (string | null)[];
  /** Rows for COPY FROM STDIN, as COPY TO STDOUT gave them. */
  readonly copyIn?: readonly Buffer[];
}

/** Asks what columns an open cursor has. */
export interface PortalStep {
  readonly label: string;
  readonly portal: string;
}

/** What a statement gave. */
export interface StepResult {
  readonly rows: readonly (string | null)[][];
  /** The command tag. */
  readonly tag: string;
  /** Rows of COPY TO STDOUT. */
  readonly copied: readonly Buffer[];
  /** Body of the RowDescription, of a `PortalStep`. */
  readonly description: Buffer | null;
}

/** The server refused a statement. */
export class StepFailure extends Error {
  readonly fields: ErrorFields;
  constructor(label: string, fields: ErrorFields) {
    super(`${label}: ${fields.message} (${fields.sqlState})`);
    this.name = 'StepFailure';
    this.fields = fields;
  }
}

/** How statements are run. */
export interface RunOptions {
  readonly deadlineMs: number;
  /** A statement that waits for a lock gives up after so long, in milliseconds. */
  readonly lockMs?: number;
  /** False: what runs must come to its end; a missed deadline only rejects, and the next run waits. */
  readonly cancels?: boolean;
  /** The statements are a transaction of their own, from BEGIN to its end: rolled back when one of them fails. */
  readonly rollsBack?: boolean;
  /** Longest answer that is kept, in bytes. */
  readonly limit?: number;
}

/** One connection that is the caller's to talk to. One run at a time. */
export class OwnSql {
  readonly server: ServerConnection;
  readonly #side: 'old' | 'new';
  readonly #encoding: BufferEncoding;
  readonly #onUnasked: (frame: Buffer) => void;

  /**
   * `side`: the old connection comes to rest after a missed deadline, by a cancel request if need be; the new one is of no more use then.
   * `encoding`: of the database's texts. `onUnasked` hears notifications and the like, as whole frames, but no notices: those are due to the
   * own SQL.
   */
  constructor(server: ServerConnection, side: 'old' | 'new', encoding: 'utf8' | 'latin1', onUnasked: (frame: Buffer) => void) {
    this.server = server;
    this.#side = side;
    this.#encoding = encoding;
    this.#onUnasked = onUnasked;
  }

  /**
   * Runs statements in one implicit transaction. Rejects with `StepFailure`, `ServerLost`, `ExchangeDeadline` or `AnswerTooLong`, and once
   * the connection is at rest again if it is the old one.
   */
  async run(steps: readonly (Step | PortalStep)[], options: RunOptions): Promise<{ results: StepResult[]; infos: string[] }> {
    const frames = Buffer.concat([this.frames(steps, options), syncMessage]);
    const infos: string[] = [];
    const exchange = this.server.exchange(frames, 1, {
      deadlineMs: options.deadlineMs,
      onUnasked: this.hears(infos),
      ...(options.limit === undefined ? {} : { limit: options.limit }),
    });
    let answer: Message[];
    try {
      answer = await exchange.answer;
    } catch (error) {
      if (error instanceof ExchangeDeadline) {
        if (this.#side === 'new') throw error;
        await this.rest(exchange.quiet, options.cancels !== false);
      }
      if (options.rollsBack === true) await this.#rollBack();
      await this.cleanUp();
      throw error;
    }
    try {
      return { results: this.#results(steps, answer), infos };
    } catch (error) {
      if (options.rollsBack === true) await this.#rollBack();
      await this.cleanUp();
      throw error;
    }
  }

  /** The same for one statement. */
  async one(step: Step | PortalStep, options: RunOptions): Promise<StepResult> {
    const { results } = await this.run([step], options);
    return results[0] ?? { rows: [], tag: '', copied: [], description: null };
  }

  /** The messages of statements with the settings before them, without a Sync. */
  frames(steps: readonly (Step | PortalStep)[], { deadlineMs, lockMs = deadlineMs }: Pick<RunOptions, 'deadlineMs' | 'lockMs'>): Buffer {
    const guard: Step = { label: 'settings', sql: guardSql(serverVersionOf(this.server), this.#encoding, lockMs) };
    return Buffer.concat([guard, ...steps].flatMap((step) => this.#framesOf(step)));
  }

  /** Sorts what a server says unasked: texts of INFO notices into `infos`, other notices nowhere, everything else to its hearer. */
  hears(infos: string[], onUnasked = this.#onUnasked): (frame: Buffer) => void {
    return (heard) => {
      if (heard[0] !== Server.NoticeResponse) {
        onUnasked(heard);
        return;
      }
      const { severity, message } = readErrorFields(heard.subarray(HEADER_BYTES));
      if (severity === 'INFO') infos.push(message);
    };
  }

  /** Waits until what runs has come to its end, cancelled or not; a connection that never does is closed. Never rejects. */
  async rest(quiet: Promise<void>, cancels: boolean): Promise<void> {
    const { server } = this;
    const timer = setTimeout(() => server.destroy('the server does not answer any more'), REST_MS);
    await Promise.all([cancels && server.isOpen ? server.cancel(() => server.isOpen) : null, quiet]);
    clearTimeout(timer);
  }

  /** Removes what a failed run left prepared. Never rejects. */
  async cleanUp(): Promise<void> {
    await cleanUpCapture(this.server, CLEAN_UP_MS, [OWN, OWN]);
  }

  async #rollBack(): Promise<void> {
    if (!this.server.isOpen) return;
    const frames = Buffer.concat([close('S', OWN), parse(OWN, 'ROLLBACK'), bind('', OWN), execute(''), close('S', OWN), syncMessage]);
    await this.server.exchange(frames, 1, { deadlineMs: CLEAN_UP_MS, onUnasked: this.hears([]) }).answer.catch(() => {});
  }

  #framesOf(step: Step | PortalStep): Buffer[] {
    const encoding = this.#encoding;
    if ('portal' in step) return [describe('P', step.portal, encoding), close('S', OWN)];
    return [
      parse(OWN, step.sql, [], encoding),
      bind('', OWN, step.parameters ?? [], { encoding }),
      execute(''),
      ...(step.copyIn === undefined ? [] : copyFrames(step.copyIn)),
      close('S', OWN),
    ];
  }

  /** Each statement's answer ends with a CloseComplete, the first one being that of the settings. */
  #results(steps: readonly (Step | PortalStep)[], answer: readonly Message[]): StepResult[] {
    const results: StepResult[] = [];
    let current = empty();
    for (const { type, body } of answer) {
      switch (type) {
        case Server.ErrorResponse:
          throw new StepFailure(steps[results.length - 1]?.label ?? 'settings', readErrorFields(body));
        case Server.DataRow:
          current.rows.push(readDataRow(body).map((cell) => cell?.toString(this.#encoding) ?? null));
          break;
        case Server.CopyData:
          current.copied.push(body);
          break;
        case Server.RowDescription:
          current.description = body;
          break;
        case Server.CommandComplete:
          current.tag = readCString(body, 0).text;
          break;
        case Server.CloseComplete:
          results.push(current);
          current = empty();
          break;
        default:
      }
    }
    return results.slice(1);
  }
}

function empty(): { rows: (string | null)[][]; tag: string; copied: Buffer[]; description: Buffer | null } {
  return { rows: [], tag: '', copied: [], description: null };
}

/** Settings under which texts are written and read alike on any server; for the implicit transaction only. */
function guardSql(serverVersion: number, encoding: BufferEncoding, lockMs: number): string {
  const settings: readonly (readonly [string, string])[] = [
    ['statement_timeout', '0'],
    ['lock_timeout', String(Math.max(1, Math.ceil(lockMs)))],
    ['client_min_messages', 'warning'],
    ['client_encoding', encoding === 'utf8' ? 'UTF8' : 'SQL_ASCII'],
    ['standard_conforming_strings', 'on'],
    ['search_path', 'pg_catalog'],
    ['quote_all_identifiers', 'off'],
    ['DateStyle', 'ISO, YMD'],
    ['IntervalStyle', 'postgres'],
    ['TimeZone', 'UTC'],
    ['extra_float_digits', '3'],
    ['bytea_output', 'hex'],
    ['lc_monetary', 'C'],
    ['xmloption', 'content'],
    ['array_nulls', 'on'],
    ['row_security', 'on'],
    ['jit', 'off'],
    ...(serverVersion >= 170000 ? ([['transaction_timeout', '0']] as const) : []),
  ];
  return `SELECT ${settings.map(([name, value]) => `pg_catalog.set_config('${name}','${value}',true)`).join(',')}`;
}

function copyFrames(rows: readonly Buffer[]): Buffer[] {
  const frames: Buffer[] = [];
  let chunk: Buffer[] = [];
  let bytes = 0;
  const flush = (): void => {
    if (bytes > 0) frames.push(frame(Client.CopyData, ...chunk));
    chunk = [];
    bytes = 0;
  };
  for (const row of rows) {
    chunk.push(row);
    bytes += row.length;
    if (bytes >= COPY_CHUNK) flush();
  }
  flush();
  return [...frames, frame(Client.CopyDone)];
}

/** An SQL string, under the settings above. */
export function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
