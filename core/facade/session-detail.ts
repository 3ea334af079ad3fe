/** The answer to `session.detail`: everything about one session, in words where something is not known. */
import { CallError, type DetailSetting, type Handlers, type PoolRow, type SafePoint, type SessionDetail } from '../contract/index.ts';
import type { Session } from '../session/session.ts';
import type { StatementCapture } from '../session/statement-capture.ts';
import { namesSecret } from '../sql/redact.ts';
import { DetailLooks, type LookResult } from './session-detail-look.ts';
import { ClientProcesses, type FindClientProcess } from './session-detail-process.ts';
import { trackedSettings, trackedStatements, unnamedStatement } from './session-detail-tracked.ts';

/** What the details are made from. */
export interface SessionDetailsOptions {
  sessions(): ReadonlyMap<number, Session>;
  pools(): readonly PoolRow[];
  readonly capture: StatementCapture;
  /** Looks behind clients' connections; null: nobody does. */
  readonly findClientProcess: FindClientProcess | null;
}

/** See the head of this file. One for all sessions. */
export class SessionDetails {
  readonly #options: SessionDetailsOptions;
  readonly #looks = new DetailLooks();
  readonly #processes: ClientProcesses<Session>;

  constructor(options: SessionDetailsOptions) {
    this.#options = options;
    this.#processes = new ClientProcesses(options.findClientProcess);
  }

  /** The calls that hand them out. */
  readonly calls: Pick<Handlers, 'session.detail'> = { 'session.detail': ({ sessionId }) => this.#of(sessionId) };

  /** A session is over. */
  ended(id: number): void {
    this.#looks.forget(id);
  }

  /** Texts of statements are not wanted any more: none may stay behind. */
  forgetTexts(): void {
    this.#looks.forget(null);
  }

  async #of(sessionId: number): Promise<SessionDetail> {
    const session = this.#options.sessions().get(sessionId);
    if (session === undefined) throw new CallError('unknown_session', `There is no session ${sessionId} any more.`);
    const { capture } = this.#options;
    const captured = capture.covers(sessionId);
    const { own, identity } = session;
    const connection =
      own === null ? null : { address: identity.clientAddress, port: identity.clientPort, ownAddress: own.address, ownPort: own.port };
    const [{ process, reason }, look] = await Promise.all([
      this.#processes.of(session, connection),
      this.#looks.of(session, captured && capture.covers(sessionId)),
    ]);
    // It may have left meanwhile.
    if (!this.#options.sessions().has(sessionId)) this.#looks.forget(sessionId);
    // The capture may have ended while the server was asked.
    if (captured && !capture.covers(sessionId)) this.#looks.forget(sessionId);
    const showsTexts = capture.covers(sessionId);
    return {
      sessionId,
      at: Date.now(),
      process,
      processReason: reason,
      routing: routingOf(session),
      ...serverOf(session),
      settings: settingsOf(session, look),
      statements: statementsOf(session, look, showsTexts),
      waits: { now: this.#waitOf(session), assignments: session.assignments, waitMs: session.waitMs },
      safePoint: safePointOf(session),
      captured: showsTexts,
    };
  }

  #waitOf(session: Session): string | null {
    switch (session.state) {
      case 'waiting': {
        if (session.forwarder.isAway) return `It waits for ${session.backend} to come back.`;
        const pool = this.#options.pools().find(({ key }) => key === session.pool);
        if (pool === undefined) return 'It waits for a server connection.';
        const all = pool.active >= pool.size ? `all ${pool.size} of them are in use` : `${pool.connecting} are being opened`;
        return `It waits for a server connection of pool ${pool.key}: ${pool.waiting} wait, ${all}.`;
      }
      case 'migrating':
        return `Its input waits while it is moved to ${session.transfer?.to ?? 'another server'}.`;
      default:
        return session.forwarder.isArmed ? 'A transfer waits for its next safe point; its client waits for nothing.' : null;
    }
  }
}

function settingsOf(session: Session, { looked, obstacle }: LookResult): SessionDetail['settings'] {
  const known: SessionDetail['settings'] =
    looked === null || (obstacle !== null && session.lease.mode === 'transaction')
      ? trackedSettings(session, obstacle ?? '')
      : { source: 'server', at: looked.at, missing: stale(obstacle), rows: [...looked.settings] };
  return { ...known, rows: known.rows.map(withoutSecret) };
}

function statementsOf(session: Session, { looked, obstacle }: LookResult, showsTexts: boolean): SessionDetail['statements'] {
  // Where the server knows them by other names, the proxy knows them better.
  const tracked = trackedStatements(session, showsTexts);
  if (tracked !== null) return tracked;
  if (looked === null) return { source: 'nowhere', at: null, missing: obstacle, rows: [] };
  const rows = [...looked.statements, ...unnamedStatement(session, showsTexts)];
  return {
    source: 'server',
    at: looked.at,
    missing: stale(obstacle),
    rows: showsTexts ? rows : rows.map((row) => ({ ...row, text: null })),
  };
}

function stale(obstacle: string | null): string | null {
  return obstacle === null ? null : `${obstacle} This is what it had before.`;
}

function withoutSecret(setting: DetailSetting): DetailSetting {
  const isSecret = namesSecret(setting.name) || (setting.name === 'options' && namesSecret(setting.value ?? ''));
  return isSecret ? { ...setting, value: null, standard: null } : setting;
}

function routingOf(session: Session): SessionDetail['routing'] {
  const { identity, place, backend, database, role, lease, migrations } = session;
  const { requestedEndpoint, routedBy, cameTo, redirectedFrom } = identity;
  const steps = [namedIn(requestedEndpoint, routedBy, redirectedFrom ?? cameTo)];
  if (redirectedFrom !== null)
    steps.push(`The server behind ${redirectedFrom} was being drained, so it was taken to ${cameTo}, as the drain says.`);
  if (migrations > 0) {
    const times = migrations === 1 ? 'Moved once since' : `Moved ${migrations} times since`;
    steps.push(`${times}: it is on ${backend} now, as a session of ${place.endpoint}.`);
  }
  return {
    routedBy,
    requestedEndpoint,
    endpoint: place.endpoint,
    backend,
    database,
    role,
    user: identity.user,
    poolMode: lease.mode,
    steps,
  };
}

function namedIn(requested: string | null, by: SessionDetail['routing']['routedBy'], cameTo: string): string {
  switch (by) {
    case 'options':
      return `Its client named ${requested} in the startup options (endpoint=${requested}).`;
    case 'database':
      return `Its client named ${requested} in front of the database name (${requested}/…).`;
    case 'sni':
      return `The server name in its TLS greeting named ${requested}.`;
    case 'listener':
      return `It came to the port of ${requested}'s own.`;
    case 'fallback':
      return `Its client named ${requested}, which is not in the endpoint map; it got the default, ${cameTo}.`;
    case 'default':
      return `Its client named no endpoint; it got the default, ${cameTo}.`;
  }
}

function serverOf({ server, forwarder }: Session): Pick<SessionDetail, 'server' | 'serverReason'> {
  if (server !== null) {
    const { pid, tls, openedAt, assignedAt } = server;
    const version = server.parameters.get('crdb_version') ?? server.parameters.get('server_version') ?? null;
    return { server: { pid, version, tls: tls?.protocol ?? null, openedAt, assignedAt }, serverReason: null };
  }
  const why = forwarder.isAway
    ? 'Its server is away; it lives on and waits for it.'
    : forwarder.isDetached && !forwarder.hasInput
      ? 'It needs none before its next statement: it is pooled by transaction.'
      : 'It waits for one.';
  return { server: null, serverReason: why };
}

function safePointOf(session: Session): SafePoint {
  const { forwarder, server } = session;
  const { link } = forwarder;
  const reason = forwarder.unsafeReason();
  return {
    isSafe: reason === null,
    reason,
    clock: link.clock,
    request: link.requestAt === 0 ? null : { type: String.fromCharCode(link.requestType), at: link.requestAt },
    response: link.responseAt === 0 ? null : { type: String.fromCharCode(link.responseType), at: link.responseAt },
    outstanding: link.expected.outstanding,
    transaction: session.row().transaction,
    since: link.busySince,
    transactionSince: link.transactionSince === 0 ? null : link.transactionSince,
    isPipelineOpen: link.expected.cycleOpen,
    isCopying: link.expected.copyIn || link.streaming,
    isSuspended: link.suspended && server !== null,
    isArmed: forwarder.isArmed,
    heldBytes: forwarder.request.heldBytes,
  };
}
