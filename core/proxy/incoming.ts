/** A client on its way in, as it passes from stage to stage: opening, admission, authentication, routing, attachment. */
import type net from 'node:net';

/** What is known of a client once its startup packet is in. */
export interface Incoming {
  /** Its socket, or the TLS layer over it; paused, without a listener for data. */
  readonly socket: net.Socket;
  /** The endpoint whose own listener it came to; null for the common one. */
  readonly listenerEndpoint: string | null;
  /** The name it asked for in its TLS greeting; null without one. */
  readonly serverName: string | null;
  readonly encrypted: boolean;
  /** Minor version of protocol 3 that was agreed on: 0 or 2. */
  readonly minor: number;
  readonly parameters: ReadonlyMap<string, string>;
  /** What it sent behind its startup packet. */
  readonly rest: Buffer;
}

/** A stage turned a client away: what it is told, as FATAL, and what the event log says. */
export class ClientRefusal extends Error {
  readonly sqlState: string;
  readonly hint: string | undefined;
  readonly detail: string | undefined;
  /** Why, for the event log only, where the client must not learn it. */
  readonly forOperator: string | null;
  constructor(sqlState: string, message: string, hint?: string, more: { detail?: string | null; forOperator?: string | null } = {}) {
    super(message);
    this.name = 'ClientRefusal';
    this.sqlState = sqlState;
    this.hint = hint;
    this.detail = more.detail ?? undefined;
    this.forOperator = more.forOperator ?? null;
  }
}

/** The client left before it was let in: nobody is there to be told anything. */
export class ClientGone extends Error {
  constructor() {
    // It says all in its name, and every short session makes one: a stack would cost more than its authentication.
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = 0;
    super('the client left during its login');
    Error.stackTraceLimit = stackTraceLimit;
    this.name = 'ClientGone';
  }
}

/** `address:port` of a client, for messages. */
export function addressOf(socket: net.Socket): string {
  return `${socket.remoteAddress ?? 'unknown'}:${socket.remotePort ?? 0}`;
}
