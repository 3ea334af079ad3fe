/** One session on a pod: what it holds, and what the statements that run in it can get at. */
import type { Column } from './answers.ts';
import type { Cluster } from './cluster.ts';
import type { Settings } from './settings.ts';
import { SqlError } from './sql-error.ts';

/** A prepared statement. */
export interface Statement {
  readonly name: string;
  readonly sql: string;
  /** Parameter types as the client gave them: 0, or fewer than there are, where it left them open. */
  readonly hints: readonly number[];
  readonly plan: Plan;
}

/** A portal with what is left of its rows. */
export interface Portal {
  readonly statement: Statement;
  readonly values: readonly (string | null)[];
  readonly formats: readonly number[];
  rows: Iterator<Row> | AsyncIterator<Row> | null;
  /** Set once it has run to its end. */
  isDone: boolean;
}

/** One row, as text. */
export type Row = readonly (string | null)[];

/** What came of a statement. Its tag is `command`, with the number of rows behind it where there are `rows`. */
export interface Outcome {
  readonly command: string;
  readonly rows?: Iterable<Row> | AsyncIterable<Row>;
  /** ParameterStatus to send with it. */
  readonly parameters?: readonly (readonly [string, string])[];
  /** COPY FROM STDIN: takes the lines that came; what it returns is the tag. */
  readonly copyIn?: (data: string) => string;
  /** COPY TO STDOUT. */
  readonly copyOut?: readonly string[];
}

/** What a statement means, before it runs: what Describe answers, and how to run it. */
export interface Plan {
  /** Type OIDs of its parameters. */
  readonly parameters: readonly number[];
  /** Null: it gives no rows. */
  readonly columns: readonly Column[] | null;
  /** May also run in a failed transaction. */
  readonly runsInFailed?: true;
  /** Which knobs its answer has; default: `query`. */
  readonly knobs?: 'show' | 'restore';
  /** Rejects with `SqlError`. */
  run(values: readonly (string | null)[], context: ConversationContext): Outcome | Promise<Outcome>;
}

/** What a statement can get at while it runs. */
export interface ConversationContext {
  readonly session: SessionState;
  readonly cluster: Cluster;
  /** Which pod of the cluster. */
  readonly podId: number;
  /** Process id of the connection. */
  readonly pid: number;
  /** Aborted when the statement is cancelled or its client gone. */
  readonly signal: AbortSignal;
  /** What this pod loses of a session that it takes over. */
  readonly losses: Losses;
  /** What a statement means. Throws `SqlError`. */
  plan(sql: string, hints: readonly number[]): Plan;
  listen(channel: string): void;
  /** `*`: all. */
  unlisten(channel: string): void;
}

/** How a pod restores less than it was given, without a word, as real ones have done (section 10 of the reference). */
export interface Losses {
  /** Prepared statements that are not there afterwards. */
  readonly statements: ReadonlySet<string>;
  /** Prepared statements that cannot be run afterwards and describe themselves with no columns. */
  readonly shapes: ReadonlySet<string>;
  /** Variables that are back at their defaults. */
  readonly settings: ReadonlySet<string>;
}

/** See the head of this file. */
export class SessionState {
  readonly sessionUser: string;
  readonly settings: Settings;
  /** Least recently used first. */
  readonly statements = new Map<string, Statement>();
  readonly portals = new Map<string, Portal>();
  readonly sequences = new Map<string, string>();
  lastSequence: string | null = null;
  status: 'I' | 'T' | 'E' = 'I';
  /** The session has had a temporary table: its schema stays to its end. */
  hasTemporarySchema = false;

  constructor(sessionUser: string, settings: Settings) {
    this.sessionUser = sessionUser;
    this.settings = settings;
  }

  /** Who acts: SET ROLE. */
  get user(): string {
    const role = this.settings.get('role');
    return role === 'none' ? this.sessionUser : role;
  }

  /** Throws `SqlError` 42P05 for a named one that is there. */
  prepare(statement: Statement): void {
    if (statement.name !== '' && this.statements.has(statement.name)) {
      throw new SqlError('42P05', `prepared statement "${statement.name}" already exists`);
    }
    this.statements.delete(statement.name);
    this.statements.set(statement.name, statement);
  }

  /** A prepared statement, used now. Throws `SqlError` 26000. */
  use(name: string): Statement {
    const statement = this.statements.get(name);
    if (statement === undefined) {
      throw new SqlError(
        '26000',
        name === '' ? 'unnamed prepared statement does not exist' : `prepared statement "${name}" does not exist`,
      );
    }
    this.statements.delete(name);
    this.statements.set(name, statement);
    return statement;
  }

  /** Throws `SqlError` 34000. */
  portal(name: string): Portal {
    const portal = this.portals.get(name);
    if (portal === undefined) throw new SqlError('34000', `unknown portal "${name}"`);
    return portal;
  }

  begin(): void {
    this.status = 'T';
    this.settings.begin();
  }

  /** Returns the parameters that the client is to be told. */
  finish(committed: boolean): [string, string][] {
    this.status = 'I';
    this.portals.clear();
    return this.settings.finish(committed);
  }
}
