/**
 * Where a session waits whose server died while a transfer was restoring it elsewhere: it has sent nothing since it was captured, so that
 * all of it is on its way. What it sends meanwhile waits with it.
 */
import type { ServerConnection } from '../../backend/server-connection.ts';
import type { Pools } from '../../pool/pools.ts';
import { Absence, type MortalSession } from './absence.ts';
import type { Resurrection } from './resurrection.ts';

/** See the head of this file. */
export class Refuge {
  readonly since = performance.now();
  readonly #session: MortalSession;
  readonly #resurrection: Resurrection;
  readonly #absence: Absence;
  /** It could be brought back to where it was. */
  readonly #mayReturn: boolean;

  /** Takes it from its lost server, in the same turn. */
  constructor(session: MortalSession, resurrection: Resurrection, pools: Pools) {
    this.#session = session;
    this.#resurrection = resurrection;
    this.#mayReturn = resurrection.enabled && resurrection.obstacleTo(session) === null;
    const snapshot = session.forwarder.link.requestAt === 0 ? null : session.snapshot;
    this.#absence = new Absence(session, snapshot, Date.now());
    const dead = session.lease.leaveServer(this.#absence);
    if (dead !== null) pools.release(dead, 'close');
  }

  /** Its client has left. */
  get isOver(): boolean {
    return this.#absence.isOver;
  }

  /** It goes on at `server`, which has all that it had set. */
  arrive(server: ServerConnection): void {
    this.#session.lease.returnTo(server);
    this.#absence.end();
  }

  /** It cannot go there. True: it is brought back to where it was, if it can be; false: there is no place for it. */
  giveUp(): boolean {
    if (this.isOver) return true;
    if (this.#mayReturn) this.#resurrection.inherit(this.#absence);
    return this.#mayReturn;
  }
}
