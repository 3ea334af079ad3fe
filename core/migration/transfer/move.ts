/** What the modes have in common: the session, where it goes, and how far one may go. */
import type { CarryOptions, Finding, TransferMode } from '../../contract/index.ts';
import type { ServerConnection } from '../../backend/server-connection.ts';
import type { Session } from '../../session/session.ts';
import { block, Refusal, type AnyDialect, type Carrying, type Source, type TargetSide } from '../dialect.ts';
import type { Target } from '../preflight/preflight.ts';
import { recheckWritability } from '../preflight/recheck.ts';
import type { TransferDeadlines } from './deadlines.ts';
import { Hold } from './hold.ts';
import { Recoverable } from './outcomes.ts';
import type { TransferRecord } from './record.ts';
import { atSafePoint, type Patience } from './safe-point.ts';

/** See the head of this file. One per transfer. */
export class Move {
  readonly session: Session;
  /** Its login is pinned to the session's defaults once the servers have been compared. */
  target: Target;
  /** See `Source.dblinkSchema`. */
  dblinkSchema: string | null = null;
  readonly dialect: AnyDialect;
  readonly record: TransferRecord;
  readonly deadlines: TransferDeadlines;
  readonly patience: Patience;
  /** The mode that the operator wants; null: whichever suits. */
  readonly wanted: TransferMode | null;
  readonly carry: CarryOptions;
  /** As captured, its server may have something to say to it at any time. */
  hasTail = false;
  /** See `SessionTransfer.bereaved`; null: nothing of the session is on its way. */
  onBereaved: (() => 'lives' | null) | null = null;

  constructor(parts: Pick<Move, 'session' | 'target' | 'dialect' | 'record' | 'deadlines' | 'patience' | 'wanted' | 'carry'>) {
    this.session = parts.session;
    this.target = parts.target;
    this.dialect = parts.dialect;
    this.record = parts.record;
    this.deadlines = parts.deadlines;
    this.patience = parts.patience;
    this.wanted = parts.wanted;
    this.carry = parts.carry;
  }

  /** Throws `Refusal` if any of the findings forbids the move; keeps the others. */
  consider(findings: readonly Finding[]): void {
    const blockers = findings.filter((finding) => finding.level === 'block');
    for (const finding of findings) {
      const isKnown = this.record.findings.some(({ code, message }) => code === finding.code && message === finding.message);
      if (finding.level !== 'block' && !isKnown) this.record.findings.push(finding);
    }
    if (blockers.length > 0) throw new Refusal(blockers);
  }

  /** Reads the session's state. Rejects with `Refusal` if that, or what no catalog shows, forbids the move. */
  async capture(hold: Hold, source: Source, again: boolean): Promise<unknown> {
    const { dialect, record } = this;
    record.begin('capture');
    record.attempts++;
    const state = await hold.ask(dialect.capture(source, this.deadlines, again));
    record.stateBytes = dialect.size(state);
    this.hasTail = dialect.listens?.(state) === true;
    const ties = this.session.lease.ties().map(({ code, reason, endsWhen }) => block(code, reason, `It can move after this: ${endsWhen}.`));
    this.consider([...dialect.judge(state, source), ...ties].filter((finding) => dialect.takesOver?.(finding, this.carry) !== true));
    return state;
  }

  /** What was carried is as it was; what could not be is said. */
  settleFindings(carrying: Carrying): void {
    const { findings } = this.record;
    findings.splice(0, findings.length, ...findings.filter((finding) => !carrying.settles(finding)), ...carrying.findings);
  }

  /** Calls `act` at the session's next safe point, in the same turn. */
  async safely<T>(side: TargetSide, act: (server: ServerConnection) => T): Promise<T> {
    this.record.begin('armed');
    return await atSafePoint(this.session, side, this.patience, () => {
      const { server } = this.session.forwarder;
      if (server === null) throw new Recoverable('the session has no server connection');
      this.consider(recheckWritability(server, side.connection));
      return act(server);
    });
  }

  /** Holds the session at its next safe point. */
  async hold(side: TargetSide): Promise<Hold> {
    return await this.safely(side, (server) => new Hold(this.session, server, this.record));
  }

  source(server: ServerConnection): Source {
    const { forwarder } = this.session;
    return {
      server,
      journal: forwarder.journal,
      leavesUnnamed: forwarder.link.names !== null,
      carry: this.carry,
      dblinkSchema: this.dblinkSchema,
      onNotification: (frame) => forwarder.deliverNotification(frame),
    };
  }

  /** A step on the target while the client runs on: ends early when the transfer is given up. */
  async meanwhile<T>(step: Promise<T>): Promise<T> {
    return await raced(step, this.patience.signal);
  }

  /** The connection of a side that is ready. Throws `Recoverable` when it is lost. */
  connection(side: TargetSide): ServerConnection {
    if (side.connection?.isOpen !== true) throw new Recoverable('the target connection was lost');
    return side.connection;
  }
}

/** A promise that also rejects when the signal aborts. */
export function raced<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  promise.catch(() => {});
  if (signal.aborted) return Promise.reject(signal.reason as Error);
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason as Error);
    signal.addEventListener('abort', onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
