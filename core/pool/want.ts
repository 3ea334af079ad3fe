/** What a session asks a pool for. */
import type { Login } from '../backend/login.ts';
import type { ServerConnection } from '../backend/server-connection.ts';

/** See the head of this file. Its members are asked again whenever they matter: what a session wants may change while it waits. */
export interface Want {
  readonly login: Login;
  /** For whom: what is paused is an endpoint. */
  readonly endpoint: string;
  /** A connection that was given back with its state (`keep`) is reset before it is handed out. */
  readonly clean: boolean;
  /**
   * How well an idle connection suits: 0 as it is; more: so much work before it does; null: it never can. Asked only for
   * connections with equal startup parameters, credential and encryption.
   */
  suits(connection: ServerConnection): number | null;
  /** Called once when it has waited for `pooling.waitNotice` seconds. */
  onLongWait?(): void;
}

/** `Want.suits`, but nobody gets a connection whose server was told of another client. */
export function fits(want: Want, connection: ServerConnection): number | null {
  const { openedFor } = connection;
  return openedFor !== null && openedFor !== want.login.clientAddress ? null : want.suits(connection);
}

/**
 * How a connection is given back. `reset`: at a safe point, DISCARD ALL first; `keep`: at a safe point, with the state it has;
 * `close`: nothing is known about it.
 */
export type Return = 'reset' | 'keep' | 'close';

/** Any connection will do, so long as it carries nothing: what a session in session mode and a transfer ask for. */
export function cleanWant(login: Login, endpoint: string): Want {
  return { login, endpoint, clean: true, suits: () => 0 };
}
