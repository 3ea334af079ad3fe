/** How a transfer that does not succeed ends, as errors of its steps; a `Refusal` (dialect.ts) ends it as refused. */

/** A step failed before the swap: the session lives on where it was. */
export class Recoverable extends Error {}

/** The old server was lost before the new one was ready: the session had to be ended. */
export class SessionLost extends Error {
  constructor(serverLost: string, cause: unknown) {
    const why = cause instanceof Error ? `: ${cause.message}` : '';
    super(`the old server was lost during the move (${serverLost}), and the new one was not ready${why}`);
    this.name = 'SessionLost';
  }
}
