/**
 * Hands LISTEN from one backend of a cluster to another, each notification heard once and in order: a notification of our own divides them,
 * because all backends of a database get them in the order of the commits (section 8). Before it the old backend's count, behind it the
 * new one's.
 */
import { randomBytes } from 'node:crypto';
import { ServerLost } from '../../../backend/server-connection.ts';
import { HEADER_BYTES, Server } from '../../../wire/codes.ts';
import { readErrorFields } from '../../../wire/errors.ts';
import { readCString } from '../../../wire/message-reader.ts';
import { syncMessage } from '../../../wire/messages.ts';
import { StepFailure, type OwnSql, type RunOptions } from './own-sql.ts';
import type { Tap } from './tap.ts';

const LABEL = 'the barrier between its notifications';

/** See the head of this file. One per move; both backends listen to the session's channels already. */
export class Barrier {
  readonly #channel = `"_swy_bar_${randomBytes(9).toString('hex')}"`;
  readonly #old: OwnSql;
  readonly #oldTap: Tap;
  readonly #next: OwnSql;
  readonly #nextTap: Tap;
  #isRaised = false;

  /** The new one's tap drops what it hears, the old one's passes it on. */
  constructor(old: { own: OwnSql; tap: Tap }, next: { own: OwnSql; tap: Tap }) {
    this.#old = old.own;
    this.#oldTap = old.tap;
    this.#next = next.own;
    this.#nextTap = next.tap;
  }

  /** From its end on both taps keep what they hear: the same notifications, in the same order. Rejects as `OwnSql.run` does; `undo` is due then. */
  async cross(options: RunOptions): Promise<void> {
    const next = this.#next;
    await next.run([{ label: LABEL, sql: `LISTEN ${this.#channel}` }], options);
    // Nothing is asked before the barrier is there: until then the exchange only listens.
    const passed = next.server.exchange(Buffer.alloc(0), 1, {
      deadlineMs: options.deadlineMs,
      onUnasked: next.hears(
        [],
        this.#dividing(this.#nextTap, () => this.#lowerNext(options)),
      ),
    });
    passed.answer.catch(() => {});
    try {
      await this.#crossOld(options);
    } catch (error) {
      if (!(error instanceof ServerLost)) {
        // The listening exchange is not brought to its end any more.
        next.server.destroy();
        throw error;
      }
      // Nobody hears what the old one does not say any more: the new one's count from here on.
      if (this.#nextTap.state === 'drop') {
        this.#nextTap.state = 'keep';
        this.#lowerNext(options);
      }
    }
    check(await passed.answer);
  }

  async #crossOld(options: RunOptions): Promise<void> {
    const old = this.#old;
    this.#isRaised = true;
    const groups = ['LISTEN', 'NOTIFY', 'UNLISTEN'].map((verb) => ({ label: LABEL, sql: `${verb} ${this.#channel}` }));
    const exchange = old.server.exchange(
      Buffer.concat(groups.flatMap((group) => [old.frames([group], options), syncMessage])),
      groups.length,
      {
        deadlineMs: options.deadlineMs,
        onUnasked: old.hears(
          [],
          this.#dividing(this.#oldTap, () => {}),
        ),
      },
    );
    try {
      check(await exchange.answer);
    } catch (error) {
      await old.rest(exchange.quiet, true);
      await old.cleanUp();
      throw error;
    }
    // A backend hears its own notification before it is ready again.
    if (this.#oldTap.state !== 'keep') throw new Error(`${LABEL} was not heard`);
  }

  #lowerNext(options: RunOptions): void {
    const { server } = this.#next;
    server.write(Buffer.concat([this.#next.frames([{ label: LABEL, sql: `UNLISTEN ${this.#channel}` }], options), syncMessage]));
  }

  /** What comes before the barrier and what comes behind it. */
  #dividing(tap: Tap, onBarrier: () => void): (frame: Buffer) => void {
    return (heard) => {
      if (heard[0] !== Server.NotificationResponse || `"${readCString(heard, HEADER_BYTES + 4).text}"` !== this.#channel) {
        tap.hear(heard);
        return;
      }
      tap.state = 'keep';
      onBarrier();
    };
  }

  /** The old backend no longer listens to the barrier. Never rejects. */
  async undo(options: RunOptions): Promise<void> {
    if (!this.#isRaised || !this.#old.server.isOpen) return;
    this.#isRaised = false;
    await this.#old.run([{ label: LABEL, sql: `UNLISTEN ${this.#channel}` }], options).catch(() => {});
  }
}

function check(answer: readonly { readonly type: number; readonly body: Buffer }[]): void {
  const error = answer.find(({ type }) => type === Server.ErrorResponse);
  if (error !== undefined) throw new StepFailure(LABEL, readErrorFields(error.body));
}
