/** What a pool needs from outside: its limits, a way to open a connection, and a place to report. */
import type { Login } from '../backend/login.ts';
import type { ServerConnection } from '../backend/server-connection.ts';
import type { Settings } from '../contract/index.ts';

/** See the head of this file. */
export interface PoolHooks {
  /** The settings of the moment. */
  settings(): Settings['pooling'];
  /** Opens a connection; rejects with `DialFailure`. */
  dial(login: Login, signal: AbortSignal): Promise<ServerConnection>;
  /** Nobody of that endpoint is given a connection. */
  isPaused(endpoint: string): boolean;
  /** A session of that endpoint has given one back. */
  onReleased(endpoint: string): void;
  /** See `PoolsOptions.onReset`. */
  onReset(connection: ServerConnection): void;
  /** Something worth a line in the event log. */
  report(level: 'info' | 'warn', code: string, message: string): void;
}
