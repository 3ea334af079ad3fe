/**
 * One session in detail, asked for by whoever looks at it. What is not known is null or missing, and then the reason stands beside it. Times
 * and words as in `model.ts`.
 */
import * as z from 'zod';
import { poolMode, routedBy } from './model.ts';

const count = z.number().int().nonnegative();
const at = z.number();
const ms = z.number().nonnegative();
const sessionId = z.number().int().positive();

/** The program behind a client's connection, on this machine. */
export const clientProcess = z.object({
  pid: z.number().int().positive(),
  /** The program's own name, without its path and never with its arguments. */
  name: z.string(),
});
export type ClientProcess = z.infer<typeof clientProcess>;

/**
 * Where a list comes from. `server`: the session's own server connection said so, `at` that time; `tracked`: as the proxy has followed it;
 * `nowhere`: it is not known.
 */
const known = {
  source: z.enum(['server', 'tracked', 'nowhere']),
  /** As of when; null: not known. */
  at: at.nullable(),
  /** What is missing in it and why, as a sentence; null: nothing. */
  missing: z.string().nullable(),
};

/** One setting of a session that differs from what a session begins with that has set nothing. */
export const detailSetting = z.object({
  name: z.string(),
  /** As `pg_settings.setting` has it; null: not shown, because its name speaks of a secret. */
  value: z.string().nullable(),
  /** Of the values, as in `pg_settings.unit`. */
  unit: z.string().nullable(),
  /** What RESET gives where the session set it, else PostgreSQL's own default; null: not known, or not shown. */
  standard: z.string().nullable(),
  /**
   * Who set it. `session`: SET; `client`: the startup parameters; `user`, `database`, `database user`: ALTER ROLE, ALTER DATABASE, ALTER
   * ROLE … IN DATABASE; `reported`: not known, the server has reported the value.
   */
  from: z.enum(['session', 'client', 'user', 'database', 'database user', 'reported']),
});
export type DetailSetting = z.infer<typeof detailSetting>;

/** One prepared statement of a session. */
export const detailStatement = z.object({
  /** The client's name for it; empty: the unnamed one. */
  name: z.string(),
  /** First keyword, upper case; null: not known. */
  kind: z.string().nullable(),
  /** `parse`: by the protocol; `prepare`: by SQL. */
  by: z.enum(['parse', 'prepare']),
  /** How many parameters it has; null: not known. */
  parameters: count.nullable(),
  /** Size of its text. */
  bytes: count.nullable(),
  preparedAt: at.nullable(),
  /** Its text, secrets left out; null while the session's statements are not captured. */
  text: z.string().nullable(),
});
export type DetailStatement = z.infer<typeof detailStatement>;

const processorState = z.object({ type: z.string(), at: count }).nullable();

/** Whether the session stands at a safe point, and what says so. */
export const safePoint = z.object({
  isSafe: z.boolean(),
  /** What keeps it from one, in words; null at a safe point. */
  reason: z.string().nullable(),
  /** Messages of both directions so far. */
  clock: count,
  /** The last message of each processor, and the clock at it; null before the first. */
  request: processorState,
  response: processorState,
  /** Answers (ReadyForQuery) still expected. */
  outstanding: count,
  transaction: z.enum(['I', 'T', 'E']).nullable(),
  /** Since when it is busy with what is outstanding, or without work. */
  since: at,
  /** Since when a transaction is open; null: none is. */
  transactionSince: at.nullable(),
  /** Extended-protocol messages went out and their Sync did not yet. */
  isPipelineOpen: z.boolean(),
  isCopying: z.boolean(),
  /** Nothing of the client's passes at the moment. */
  isSuspended: z.boolean(),
  /** A transfer waits for its next safe point. */
  isArmed: z.boolean(),
  /** The client's input that waits, in bytes. */
  heldBytes: count,
});
export type SafePoint = z.infer<typeof safePoint>;

/** The answer to `session.detail`. */
export const sessionDetail = z.object({
  sessionId,
  at,
  /** Null: not known, and `processReason` says why, as a sentence. */
  process: clientProcess.nullable(),
  processReason: z.string().nullable(),
  routing: z.object({
    routedBy,
    requestedEndpoint: z.string().nullable(),
    endpoint: z.string(),
    backend: z.string(),
    database: z.string(),
    /** The role it is logged in as on the backend, and the name that its client gave. */
    role: z.string(),
    user: z.string(),
    poolMode,
    /** How it came there, in order, a sentence each. */
    steps: z.array(z.string()),
  }),
  /** Its server connection; null: it has none, and `serverReason` says why. */
  server: z
    .object({
      pid: z.number().int(),
      version: z.string().nullable(),
      /** For example `TLSv1.3`; null: plain text. */
      tls: z.string().nullable(),
      openedAt: at,
      /** Since when it is this session's. */
      assignedAt: at,
    })
    .nullable(),
  serverReason: z.string().nullable(),
  settings: z.object({ ...known, rows: z.array(detailSetting) }),
  statements: z.object({ ...known, rows: z.array(detailStatement) }),
  waits: z.object({
    /** What it waits for at the moment, as a sentence; null: nothing. */
    now: z.string().nullable(),
    /** Times it was given a server connection, and how long it has waited for them all together. */
    assignments: count,
    waitMs: ms,
  }),
  safePoint,
  /** Whether its statements are being captured. */
  captured: z.boolean(),
});
export type SessionDetail = z.infer<typeof sessionDetail>;
