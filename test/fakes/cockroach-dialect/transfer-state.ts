/** SHOW TRANSFER STATE and deserialize_session: what is serialized, what is refused, in CockroachDB's words (section 6). */
import type { ConversationContext, Outcome, Plan, Portal, SessionState, Statement } from './session-state.ts';
import { SqlError } from './sql-error.ts';
import { makeToken } from './token.ts';
import { Oid } from './types.ts';

interface Serialized {
  readonly sessionUser: string;
  readonly user: string;
  readonly settings: Readonly<Record<string, string>>;
  readonly sequences: Readonly<Record<string, string>>;
  readonly lastSequence: string | null;
  /** Least recently used first, the unnamed one last. */
  readonly prepared: readonly { readonly name: string; readonly oids: readonly number[]; readonly sql: string }[];
}

const PREFIX = 'crdb_internal.deserialize_session(): ';

/** `SHOW TRANSFER STATE [WITH key]`: always one row, an error is a value in it. */
export function showTransferState(key: string | null): Plan {
  const names = ['error', 'session_state_base64', 'session_revival_token_base64', ...(key === null ? [] : ['transfer_key'])];
  return {
    parameters: [],
    columns: names.map((name) => ({ name, oid: Oid.text })),
    runsInFailed: true,
    knobs: 'show',
    run(_values, context): Outcome {
      const last = key === null ? [] : [key];
      try {
        const state = serialize(context);
        const token = revivalToken(context);
        return { command: 'SHOW TRANSFER STATE', rows: [[null, state, token, ...last]] };
      } catch (error) {
        if (!(error instanceof SqlError)) throw error;
        return { command: 'SHOW TRANSFER STATE', rows: [[error.message, null, null, ...last]] };
      }
    },
  };
}

/** `SELECT crdb_internal.deserialize_session(decode('…', 'base64'))`. */
export function deserializeSession(base64: string): Plan {
  return {
    parameters: [],
    columns: [{ name: 'crdb_internal.deserialize_session', oid: Oid.bool }],
    knobs: 'restore',
    run(_values, context): Outcome {
      try {
        restore(base64, context);
      } catch (error) {
        throw error instanceof SqlError ? new SqlError(error.sqlState, PREFIX + error.message) : error;
      }
      return { command: 'SELECT', rows: [['t']] };
    },
  };
}

function serialize({ session, cluster }: ConversationContext): string {
  if (session.status !== 'I') throw new SqlError('25000', 'cannot serialize a session which is inside a transaction');
  if ([...session.portals.values()].some((portal) => !isTheQuestion(portal))) {
    throw new SqlError('25000', 'cannot serialize a session which has active portals');
  }
  if (session.hasTemporarySchema) throw new SqlError('25000', 'cannot serialize session with temporary schemas');
  const bytes = Buffer.from(JSON.stringify(serialized(session)), 'utf8');
  if (cluster.maxSessionSize > 0 && bytes.length > cluster.maxSessionSize) {
    throw new SqlError(
      '54000',
      `serialized session size ${kibibytes(bytes.length)} exceeds max allowed size ${kibibytes(cluster.maxSessionSize)}`,
    );
  }
  return bytes.toString('base64');
}

/** Asked in the extended protocol, the question itself has a portal. */
function isTheQuestion({ statement }: Portal): boolean {
  return statement.plan.knobs === 'show';
}

function serialized(session: SessionState): Serialized {
  const statements = [...session.statements.values()].filter(({ plan }) => plan.knobs !== 'show');
  const named = statements.filter(({ name }) => name !== '');
  const unnamed = statements.filter(({ name }) => name === '');
  return {
    sessionUser: session.sessionUser,
    user: session.user,
    settings: session.settings.changed(),
    sequences: Object.fromEntries(session.sequences),
    lastSequence: session.lastSequence,
    prepared: [...named, ...unnamed].map(({ name, hints, sql }) => ({ name, oids: hints, sql })),
  };
}

function revivalToken({ session, cluster }: ConversationContext): string {
  if (!cluster.revivalTokens) throw new SqlError('0A000', 'session revival tokens are not supported on this cluster');
  if (session.sessionUser === 'root') throw new SqlError('42501', 'cannot create token for root user');
  return makeToken(cluster.signingSecret, session.sessionUser, cluster.now());
}

function restore(base64: string, context: ConversationContext): void {
  const { session, losses } = context;
  if (session.status !== 'I') throw new SqlError('25000', 'cannot deserialize a session whilst inside a multi-statement transaction');
  const state = readState(base64);
  if (state.sessionUser !== session.sessionUser) throw new SqlError('42501', 'can only deserialize matching session users');
  if (state.user === 'root' && session.sessionUser !== 'root') throw new SqlError('42501', 'only root can become root');
  session.settings.restore(Object.fromEntries(Object.entries(state.settings).filter(([name]) => !losses.settings.has(name))));
  for (const [name, value] of Object.entries(state.sequences)) session.sequences.set(name, value);
  session.lastSequence = state.lastSequence;
  for (const { name, oids, sql } of state.prepared) {
    if (!losses.statements.has(name)) session.prepare(reprepared({ name, hints: oids, sql }, context));
  }
}

/** A statement that cannot be prepared again is kept all the same, and fails when it is used: nobody is told. */
function reprepared(statement: Omit<Statement, 'plan'>, context: ConversationContext): Statement {
  if (context.losses.shapes.has(statement.name)) return { ...statement, plan: brokenPlan };
  try {
    return { ...statement, plan: context.plan(statement.sql, statement.hints) };
  } catch (error) {
    if (!(error instanceof SqlError)) throw error;
    return { ...statement, plan: brokenPlan };
  }
}

const brokenPlan: Plan = {
  parameters: [],
  columns: null,
  run(): never {
    throw new SqlError('XX000', 'no value provided for placeholder: $1');
  },
};

function readState(base64: string): Serialized {
  try {
    return JSON.parse(Buffer.from(base64, 'base64').toString('utf8')) as Serialized;
  } catch {
    throw new SqlError('22023', 'error deserializing session: unexpected EOF');
  }
}

function kibibytes(bytes: number): string {
  return `${(bytes / 1024).toFixed(1)} KiB`;
}
