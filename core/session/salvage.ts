/** Brings to an end what a lost client has left running, so that its server connection can be used again. */
import type { ServerConnection } from '../backend/server-connection.ts';
import { copyFail, syncMessage } from '../wire/messages.ts';
import { Expected } from './expected-answers.ts';
import type { Link } from './link.ts';

/** How long a server may take for it. */
const SALVAGE_MS = 5_000;

/** See the head of this file. One per session. */
export class Salvage {
  #deadline: NodeJS.Timeout | null = null;

  /** Begins once: fails a COPY that waits for data, ends an open cycle; the statement is cancelled by the caller. True if it has begun now. */
  begin(link: Link, server: ServerConnection, giveUp: () => void): boolean {
    if (this.#deadline !== null) return false;
    this.#deadline = setTimeout(giveUp, SALVAGE_MS);
    const { expected } = link;
    if (expected.copyIn) {
      server.write(copyFail('the client was lost'));
      expected.push(Expected.CopyEnd);
    }
    if (expected.cycleOpen) {
      server.write(syncMessage);
      expected.push(Expected.Sync);
    }
    server.resumeReading();
    return true;
  }

  end(): void {
    clearTimeout(this.#deadline ?? undefined);
  }
}
