/**
 * Asks a session that is at rest what it has set and prepared, on its own server connection, and keeps the answer until its client does
 * something. Its client's input waits meanwhile, a few milliseconds; a session that works is never asked.
 */
import type { DetailSetting, DetailStatement } from '../contract/index.ts';
import type { ServerConnection } from '../backend/server-connection.ts';
import { isCockroach } from '../session/resurrection/snapshot.ts';
import type { Session } from '../session/session.ts';
import { redacted } from '../sql/redact.ts';
import { statementKind } from '../sql/scan.ts';
import { cleanUpCapture, serverVersionOf } from '../state/capture.ts';
import { Server } from '../wire/codes.ts';
import { frame } from '../wire/messages.ts';
import { DETAIL_NAMES, detailFrames, readDetail, type ListedStatement } from './session-detail-sql.ts';

/** How long a server may take to answer while the client's input waits, in milliseconds. */
const ANSWER_MS = 1_000;
/** A session that was busy so recently is not at rest. */
const REST_MS = 200;

/** What a session's server said of it. */
export interface Looked {
  /** `Link.requestAt` when it was asked: while that stays, nothing has changed. */
  readonly requestAt: number;
  readonly at: number;
  readonly server: ServerConnection;
  readonly settings: readonly DetailSetting[];
  readonly statements: readonly DetailStatement[];
  readonly hasTexts: boolean;
}

/** What is known, and why it is not newer or nothing at all, as a sentence; null: it is up to date. */
export interface LookResult {
  readonly looked: Looked | null;
  readonly obstacle: string | null;
}

/** See the head of this file. One for all sessions. */
export class DetailLooks {
  readonly #known = new Map<number, Looked>();
  readonly #underWay = new Map<number, Promise<string | null>>();

  /** Asks, if it has to and may. Never rejects. */
  async of(session: Session, wantsTexts: boolean): Promise<LookResult> {
    const before = this.#known.get(session.id) ?? null;
    if (isCurrent(session, before, wantsTexts)) return { looked: before, obstacle: null };
    const refused = obstacleTo(session, Date.now());
    if (refused !== null) return { looked: this.#stillTrue(session, before), obstacle: refused };
    let asking = this.#underWay.get(session.id);
    if (asking === undefined) {
      asking = this.#ask(session, wantsTexts).finally(() => this.#underWay.delete(session.id));
      this.#underWay.set(session.id, asking);
    }
    const failure = await asking;
    return { looked: this.#stillTrue(session, this.#known.get(session.id) ?? null), obstacle: failure };
  }

  /** Forgets what is known of a session, or of all. */
  forget(id: number | null): void {
    if (id === null) this.#known.clear();
    else this.#known.delete(id);
  }

  /** Of another server connection nothing is known, unless the session has taken it all along. */
  #stillTrue(session: Session, looked: Looked | null): Looked | null {
    if (looked === null || (session.forwarder.server !== null && session.forwarder.server !== looked.server)) return null;
    return looked;
  }

  async #ask(session: Session, wantsTexts: boolean): Promise<string | null> {
    const { forwarder } = session;
    const { server, link, journal } = forwarder;
    if (server === null) return 'It has no server connection at the moment.';
    const { requestAt } = link;
    let lost: string | null = null;
    let failure: string | null = null;
    forwarder.suspend({ onDeparture: () => {}, onServerLost: (reason) => (lost = reason) });
    try {
      const frames = detailFrames(serverVersionOf(server), journal.customNames, wantsTexts);
      const exchange = server.exchange(frames, 1, {
        deadlineMs: ANSWER_MS,
        onNotification: (body) => forwarder.deliverNotification(frame(Server.NotificationResponse, body)),
      });
      let isAnswered = false;
      try {
        const answer = await exchange.answer;
        isAnswered = true;
        const { settings, statements } = readDetail(answer);
        this.#known.set(session.id, {
          requestAt,
          at: Date.now(),
          server,
          settings,
          statements: statements.map((statement) => listed(statement, wantsTexts)),
          hasTexts: wantsTexts,
        });
      } catch (error) {
        failure = `Its server did not tell: ${error instanceof Error ? error.message : String(error)}.`;
        // What still runs is cancelled; only when the cancel has arrived and the answer is in may the client go on.
        if (!isAnswered && server.isOpen) await Promise.all([server.cancel(() => server.isOpen), exchange.quiet]);
        await cleanUpCapture(server, ANSWER_MS, DETAIL_NAMES);
      }
    } finally {
      if (!forwarder.isEnded) {
        if (lost !== null || !server.isOpen) forwarder.serverLost(lost ?? 'the connection was closed');
        else forwarder.resume();
      }
    }
    return failure;
  }
}

function isCurrent({ forwarder }: Session, looked: Looked | null, wantsTexts: boolean): boolean {
  if (looked === null || (wantsTexts && !looked.hasTexts)) return false;
  return looked.requestAt === forwarder.link.requestAt && looked.server === forwarder.server;
}

/** Why a session is not asked, as a sentence; null: nothing speaks against it. */
function obstacleTo(session: Session, now: number): string | null {
  const { forwarder, transfer, identity } = session;
  const { server, link } = forwarder;
  if (forwarder.isEnded || forwarder.isDeparting) return 'It is over.';
  if (identity.replication || link.streaming) return 'It is a replication connection, which can be asked nothing.';
  if (server === null) {
    if (forwarder.isAway) return 'Its server is away, and it waits for it.';
    return forwarder.hasInput || !forwarder.isDetached
      ? 'It waits for a server connection.'
      : 'It is pooled by transaction and has no server connection between two of them.';
  }
  if (transfer !== null || forwarder.isArmed) return 'It is being moved, and is not asked meanwhile.';
  if (isCockroach(server)) return 'Its server is CockroachDB, which is not asked.';
  const busy = forwarder.unsafeReason();
  if (busy !== null || !forwarder.isSafe) return `It is not asked while it is at work: ${busy ?? 'it is not at a safe point'}.`;
  return now - link.busySince < REST_MS ? 'It is not asked while it is at work: it has hardly a moment between two statements.' : null;
}

function listed({ name, text, bytes, fromSql, parameters, preparedAt }: ListedStatement, wantsText: boolean): DetailStatement {
  const raw = Buffer.from(text);
  const kind = statementKind(raw, 0, raw.length);
  const inner = fromSql ? (/\bas\s+([a-z]+)/i.exec(text)?.[1]?.toUpperCase() ?? null) : null;
  return {
    name,
    kind: inner ?? (kind === '' ? null : kind),
    by: fromSql ? 'prepare' : 'parse',
    parameters,
    bytes,
    preparedAt,
    text: wantsText ? redacted(raw, 0, raw.length, raw.length === bytes).text : null,
  };
}
