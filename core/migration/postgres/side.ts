/** A connection to the target, with what it was like before anything was restored on it. */
import type { ServerConnection } from '../../backend/server-connection.ts';
import type { SessionStateCapture } from '../../state/state.ts';
import type { TargetSide } from '../dialect.ts';
import { watchConnection } from '../watch-connection.ts';

/** See the head of this file. */
export class PostgresSide implements TargetSide {
  readonly connection: ServerConnection;
  readonly baseline: SessionStateCapture;
  readonly #close: (connection: ServerConnection) => void;

  /** `close`: gives the connection up. */
  constructor(connection: ServerConnection, baseline: SessionStateCapture, close: (connection: ServerConnection) => void) {
    this.connection = connection;
    this.baseline = baseline;
    this.#close = close;
  }

  get isOpen(): boolean {
    return this.connection.isOpen;
  }

  watch(onLost: ((reason: string) => void) | null): void {
    watchConnection(this.connection, onLost);
  }

  discard(): void {
    this.#close(this.connection);
  }
}
