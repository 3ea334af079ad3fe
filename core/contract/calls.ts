/**
 * The calls a window, the console or a script can make: one table of name -> request and reply schema. Types are inferred
 * from it; a host must have a handler for every name (`Handlers`), and a message that does not fit is refused by `dispatch`.
 */
import * as z from 'zod';
import { CAPTURE_LIMIT_SECONDS, capturePage, captureState } from './capture.ts';
import { sessionDetail } from './detail.ts';
import { HISTORY_SECONDS, LOG_KEPT, history } from './history.ts';
import { blockerRow, endpointId, logEntry, poolMode, poolProfile, snapshot, transferMode, verdict } from './model.ts';
import { changeEffect, draftPassword, endpointChange, endpointDraft, foundServer, importProblem, importSource } from './endpoint-edits.ts';
import { carryOptions, savedSettings, settingsView } from './settings.ts';
import { desktopSettings, desktopView, enabledCommands, themeChoice } from './shell.ts';
import { sessionTimeline, timelineExport } from './timeline.ts';

const nothing = z.strictObject({});
const sessionIds = z.array(z.number().int().positive()).min(1).max(10_000);
const withinMs = z.number().int().min(0).max(3_600_000).default(30_000);
/** After this time, counted from the start, sessions that have not moved are ended (57P01). Null or left out: never. */
const forceAfterMs = z.number().int().min(0).max(86_400_000).nullable().optional();
const connectionUrl = z.string().min(1).max(4096);
const operationId = z.number().int().positive();
const operationStarted = z.object({ operationId });
/** `host:port`. */
const backend = z.string().min(1).max(512);

/** Every call. Requests refuse unknown keys. */
export const calls = {
  /** Everything at once; also the answer to a gap in the deltas' sequence. */
  snapshot: { request: nothing, reply: snapshot },

  /**
   * Adds or changes one line of the endpoint map. `url` is `postgresql://user@host:port/database`; a password in it, or in
   * `password`, replaces the stored one; without either the stored one is kept if host, port and user stay the same.
   * `replaces` renames. Live sessions stay where they are until they are moved.
   */
  'endpoints.save': {
    request: z.strictObject({
      id: endpointId,
      url: connectionUrl,
      password: z.string().max(1024).optional(),
      replaces: endpointId.optional(),
      makeDefault: z.boolean().optional(),
    }),
    /** `stranded`: sessions of this endpoint that are still on its former backend; the window offers to move them. */
    reply: z.object({ id: endpointId, backend: z.string(), stranded: z.array(z.number().int().positive()) }),
  },
  /** Removes a line; refused (`in_use`) while sessions belong to it. */
  'endpoints.remove': { request: z.strictObject({ id: endpointId }), reply: nothing },
  /** Dials a backend, logs in and says what it found; never throws for a backend that is down. */
  'endpoints.test': {
    request: z.strictObject({
      url: connectionUrl,
      password: z.string().max(1024).optional(),
      passwordFrom: draftPassword.optional(),
      id: endpointId.optional(),
    }),
    reply: z.object({
      ok: z.boolean(),
      /** What was found or what went wrong, in words. */
      message: z.string(),
      hint: z.string().nullable(),
      serverVersion: z.string().nullable(),
      ms: z.number().nonnegative(),
    }),
  },
  /**
   * Edits the map: all of the changes, in their order, or none of them. `dryRun`: says what they would do, and does nothing. `applied` is
   * false then, and when one of them cannot be done: see `effects`, one per change.
   */
  'endpoints.apply': {
    request: z.strictObject({ changes: z.array(endpointChange).min(1).max(200), dryRun: z.boolean().default(false) }),
    reply: z.object({ applied: z.boolean(), effects: z.array(changeEffect) }),
  },
  /**
   * Reads drafts of endpoints: from connection strings (one per line), the text of a password file, of a service file. Nothing is mapped.
   * Passwords stay in the host, for an hour at most.
   */
  'endpoints.import': {
    request: z.strictObject({ source: importSource, text: z.string().max(262_144) }),
    reply: z.object({ drafts: z.array(endpointDraft), problems: z.array(importProblem) }),
  },
  /**
   * Looks for servers on this machine: Unix sockets in the usual folders, the usual ports, and on Linux what listens on loopback. Each is
   * asked for a login as `postgres` and as the user of the host, with what the password file has for it. Settles within ten seconds.
   */
  'endpoints.discover': { request: nothing, reply: z.object({ found: z.array(foundServer) }) },
  /** Asks the backend of an endpoint again; the row's status follows. */
  'endpoints.check': { request: z.strictObject({ id: endpointId }), reply: nothing },

  /** The verdict per session, without side effects; sessions that are gone are missing in the reply. `carry`: as in `migrate`. */
  preflight: {
    request: z.strictObject({ sessionIds, to: endpointId, carry: carryOptions.optional() }),
    reply: z.object({ verdicts: z.array(verdict) }),
  },
  /**
   * Starts moving sessions; returns at once, progress comes as events. `mode`: how, where it is not left to the session's doing.
   * `carry`: what may be carried along; left out: as the settings say.
   */
  migrate: {
    request: z.strictObject({
      sessionIds,
      to: endpointId,
      withinMs,
      forceAfterMs,
      mode: transferMode.optional(),
      carry: carryOptions.optional(),
    }),
    reply: operationStarted,
  },
  /**
   * Points an endpoint at another backend and moves its sessions there. `to`: another endpoint, whose backend, database, role and password
   * are taken over, or a URL as in `endpoints.save`. Sessions that cannot move yet are tried again at their own next safe point until
   * `withinMs` is over. Refused (`unknown_endpoint`, `same_backend`).
   */
  'endpoints.remap': {
    request: z.strictObject({
      endpoint: endpointId,
      to: connectionUrl,
      password: z.string().max(1024).optional(),
      withinMs,
      forceAfterMs,
      carry: carryOptions.optional(),
    }),
    reply: operationStarted,
  },
  /**
   * Moves every session off a backend, and takes new clients of its endpoints to endpoint `to` until `backend.undrain` or the undo.
   * Sessions that cannot move yet are tried again at their own next safe point until `withinMs` is over. Refused (`unknown_backend`,
   * `unknown_endpoint`, `same_backend`, `draining`).
   */
  'backend.drain': {
    request: z.strictObject({ backend, to: endpointId, withinMs, forceAfterMs, carry: carryOptions.optional() }),
    reply: operationStarted,
  },
  /**
   * Restarts a server under its sessions: each is held at its next safe point, nobody new comes to it, and once all are held the operation
   * says `restart it now`. When it answers again all are brought back. Cancelled, or not restarted within `withinMs`, they go on as they
   * were. Sessions that would lose something are its blockers. Refused (`unknown_backend`, `restarting`).
   */
  'backend.restart': { request: z.strictObject({ backend, withinMs: withinMs.default(300_000) }), reply: operationStarted },
  /** Lets new clients come to a drained backend again; what has moved stays. Refused (`not_drained`). */
  'backend.undrain': { request: z.strictObject({ backend }), reply: nothing },
  /** Stops those transfers of an operation that can still be stopped (everything before the pause), and what waits to be tried again. */
  'operation.cancel': { request: z.strictObject({ operationId }), reply: nothing },
  /**
   * Moves back every session that an operation moved and that is still where it was moved to; a remapped endpoint gets its former backend
   * again, a drained backend its new clients. Is an operation itself. Refused (`unknown_operation`, `not_undoable`).
   */
  'operation.undo': { request: z.strictObject({ operationId, withinMs }), reply: operationStarted },
  /** Which sessions an operation waits for, and why. Refused (`unknown_operation`). */
  'operation.blockers': {
    request: z.strictObject({ operationId }),
    reply: z.object({ blockers: z.array(blockerRow) }),
  },

  /** What happened to a session, also one that has ended within the last hour; refused (`unknown_session`) if it is not known any more. */
  'session.timeline': { request: z.strictObject({ sessionId: z.number().int().positive() }), reply: sessionTimeline },
  /** Every timeline that is kept, to be saved as JSON. */
  'timelines.export': { request: nothing, reply: timelineExport },

  /**
   * The last `seconds`, in at most `slots` buckets and the one that is being filled. Buckets are whole seconds long and begin at multiples
   * of their length, so that what is asked again falls into the same ones. `pool`: whose server connections are asked for as well.
   */
  history: {
    request: z.strictObject({
      seconds: z.number().int().min(1).max(HISTORY_SECONDS),
      slots: z.number().int().min(1).max(300),
      pool: z.string().max(1024).nullable().default(null),
    }),
    reply: history,
  },
  /** Lines of the event log older than line `before` (null: the newest), oldest first. A host keeps the last 5,000. */
  'events.list': {
    request: z.strictObject({
      before: z.number().int().positive().nullable().default(null),
      limit: z.number().int().min(1).max(LOG_KEPT).default(1_000),
    }),
    reply: z.object({ entries: z.array(logEntry) }),
  },
  /** Lets new clients in, or refuses all of them (57P03) until it is asked again; those that are in stay in. */
  'clients.admit': { request: z.strictObject({ admit: z.boolean() }), reply: nothing },

  /**
   * Everything about one session. A session that is at rest may be asked, on its own server connection, what it has set and prepared; its
   * client's input waits for these few milliseconds. One that is busy, or is being moved, is never asked. Refused (`unknown_session`).
   */
  'session.detail': { request: z.strictObject({ sessionId: z.number().int().positive() }), reply: sessionDetail },
  /**
   * Captures the statements of some sessions, or of all (`null`), for a time; takes the place of the capture under way. Refused
   * (`unknown_session`) if none of them lives.
   */
  'capture.start': {
    request: z.strictObject({ sessionIds: sessionIds.nullable(), seconds: z.number().int().min(1).max(CAPTURE_LIMIT_SECONDS) }),
    reply: captureState,
  },
  /** Ends the capture. What it has is kept for ten minutes more. */
  'capture.stop': { request: nothing, reply: nothing },
  /** Forgets what was captured; a capture under way goes on. */
  'capture.clear': { request: nothing, reply: nothing },
  /** What was captured behind `after` (left out: from the oldest), of one session or of all; at most 500 at a time. */
  'capture.read': {
    request: z.strictObject({ after: z.number().int().min(-1).default(-1), sessionId: z.number().int().positive().optional() }),
    reply: capturePage,
  },

  /** Ends a session with FATAL 57P01. */
  'session.close': { request: z.strictObject({ sessionId: z.number().int().positive() }), reply: nothing },

  /** Cancels what the session runs, or its wait for a server connection; nothing happens if it does neither. */
  'session.cancel': { request: z.strictObject({ sessionId: z.number().int().positive() }), reply: nothing },
  /**
   * Rolls back the open transaction of a session in transaction mode that has nothing running, and frees its server connection; its next
   * statement is answered as in a failed transaction (25P02). Refused (`not_in_transaction`, `busy`, `session_mode`).
   */
  'session.rollback': { request: z.strictObject({ sessionId: z.number().int().positive() }), reply: nothing },

  /** Sets how the sessions of an endpoint are pooled, live; kept with the settings. */
  'endpoints.pooling': { request: z.strictObject({ id: endpointId, mode: poolMode, profile: poolProfile }), reply: nothing },
  /**
   * PgBouncer's commands, for one endpoint. `pause`: no session is given a server connection any more; replies once all are given back, or
   * is refused (`pause_timeout`, naming who holds one) and resumed after `withinMs`. `reconnect`: server connections are replaced as they
   * are given back. `kill`: its sessions are ended and its server connections closed, and it stays paused.
   */
  'pool.pause': { request: z.strictObject({ endpoint: endpointId, withinMs }), reply: nothing },
  'pool.resume': { request: z.strictObject({ endpoint: endpointId }), reply: nothing },
  'pool.reconnect': { request: z.strictObject({ endpoint: endpointId }), reply: nothing },
  'pool.kill': { request: z.strictObject({ endpoint: endpointId }), reply: nothing },
  /** Forgets what profile `observe` has found. */
  'observations.clear': { request: nothing, reply: nothing },

  'settings.get': { request: nothing, reply: settingsView },
  /** Puts settings to work for clients that come from now on, and keeps them. The users stay as they are. */
  'settings.save': { request: savedSettings, reply: settingsView },
  /** Adds a user or gives one a new password; only a verifier made from it is kept. */
  'users.save': {
    request: z.strictObject({ name: z.string().min(1).max(63), password: z.string().min(1).max(1024) }),
    reply: settingsView,
  },
  'users.remove': { request: z.strictObject({ name: z.string().min(1).max(63) }), reply: settingsView },
  /** Makes a certificate authority of Switchyard's own with a certificate for this machine, and lets clients encrypt with it. */
  'tls.makeLocal': { request: nothing, reply: settingsView },

  /** Starts the two demo servers and maps them as `ep-a` and `ep-b`. */
  'demo.start': { request: nothing, reply: nothing },
  'demo.stop': { request: nothing, reply: nothing },
  'demo.workload': { request: z.strictObject({ on: z.boolean() }), reply: nothing },

  /** Which commands the native menu offers; a headless host ignores it, as it does the theme of the window's frame. */
  'shell.commands': { request: z.strictObject({ enabled: enabledCommands }), reply: nothing },
  'shell.theme': { request: z.strictObject({ theme: themeChoice }), reply: nothing },
  /** How the desktop application behaves; null from a headless host. */
  'shell.desktop': { request: nothing, reply: z.object({ desktop: desktopView }) },
  /** Puts it to work at once and keeps it. Refused (`no_desktop`) by a headless host. */
  'shell.saveDesktop': { request: desktopSettings, reply: z.object({ desktop: desktopView }) },
} as const;

export type CallName = keyof typeof calls;
/** What a caller passes: defaults may be left out. */
export type CallRequest<N extends CallName> = z.input<(typeof calls)[N]['request']>;
/** What a handler receives: defaults filled in. */
export type CallParsed<N extends CallName> = z.output<(typeof calls)[N]['request']>;
export type CallReply<N extends CallName> = z.output<(typeof calls)[N]['reply']>;
/** One function per call; a missing one is a compile error. Handlers throw `CallError` for what the user can understand. */
export type Handlers = { [N in CallName]: (request: CallParsed<N>) => Promise<CallReply<N>> | CallReply<N> };

/** An error as it crosses the border: `code` is stable, `message` is for the user. */
export const callFailure = z.object({ code: z.string(), message: z.string(), hint: z.string().nullable() });
export type CallFailure = z.infer<typeof callFailure>;

/** Thrown by a handler for a refusal that the user is to read. */
export class CallError extends Error {
  readonly code: string;
  readonly hint: string | null;
  constructor(code: string, message: string, hint: string | null = null) {
    super(message);
    this.name = 'CallError';
    this.code = code;
    this.hint = hint;
  }
}

/** What `dispatch` answers: the same over IPC and WebSocket. */
export type CallResult = { ok: true; reply: unknown } | { ok: false; error: CallFailure };

/**
 * Validates a raw request, calls its handler, validates the reply. Never throws: unknown names, requests that do not fit and
 * handler errors all become a failure; an unexpected error is reported to `onUnexpected` and crosses as `internal`.
 */
export async function dispatch(
  handlers: Handlers,
  name: unknown,
  raw: unknown,
  onUnexpected: (error: unknown) => void,
): Promise<CallResult> {
  if (typeof name !== 'string' || !Object.hasOwn(calls, name)) {
    return failure('unknown_call', `There is no call named ${JSON.stringify(name)}.`);
  }
  const call = name as CallName;
  const request = calls[call].request.safeParse(raw);
  if (!request.success) return failure('invalid_request', z.prettifyError(request.error));
  try {
    const handler = handlers[call] as (request: unknown) => unknown;
    const reply = calls[call].reply.safeParse(await handler(request.data));
    if (reply.success) return { ok: true, reply: reply.data };
    onUnexpected(new Error(`reply of ${call} does not fit the contract: ${z.prettifyError(reply.error)}`));
    return failure('internal', `The host answered ${call} in a form this window does not understand.`);
  } catch (error) {
    if (error instanceof CallError) return { ok: false, error: { code: error.code, message: error.message, hint: error.hint } };
    onUnexpected(error);
    return failure('internal', error instanceof Error ? error.message : String(error));
  }
}

function failure(code: string, message: string): CallResult {
  return { ok: false, error: { code, message, hint: null } };
}
