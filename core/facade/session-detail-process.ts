/** The programs behind clients' connections: asked of the host, which knows the machine, and remembered for a while. Nothing waits for it long. */
import type { ClientProcess } from '../contract/index.ts';

/** A client's connection, as this machine sees it. */
export interface ClientConnection {
  readonly address: string;
  readonly port: number;
  /** The proxy's own end. */
  readonly ownAddress: string;
  readonly ownPort: number;
}

/** What is found behind it; else why nothing is, as a sentence. */
export type ProcessAnswer =
  { readonly process: ClientProcess; readonly reason: null } | { readonly process: null; readonly reason: string };

/** Looks behind a connection. `signal`: nobody waits any more. */
export type FindClientProcess = (connection: ClientConnection, signal: AbortSignal) => Promise<ProcessAnswer>;

/** How long a look may take, and how long whoever asks waits for it, in milliseconds. */
const LOOK_MS = 5_000;
const PATIENCE_MS = 400;
/** How long an answer is believed: a connection can be handed to another process, but seldom is. */
const FOUND_KEPT_MS = 60_000;
const MISSED_KEPT_MS = 5_000;

interface Known {
  /** Null: it is being looked for. */
  answer: ProcessAnswer | null;
  at: number;
  readonly asked: Promise<ProcessAnswer>;
}

/** See the head of this file. One for all sessions. */
export class ClientProcesses<Owner extends object> {
  readonly #find: FindClientProcess | null;
  readonly #known = new WeakMap<Owner, Known>();
  /** One look after the other. */
  #queue: Promise<unknown> = Promise.resolve();

  constructor(find: FindClientProcess | null) {
    this.#find = find;
  }

  /** What is behind the connection of `owner`. Never rejects, and never takes long. `connection` null: it is closed. */
  async of(owner: Owner, connection: ClientConnection | null): Promise<ProcessAnswer> {
    if (this.#find === null) return missed('This host does not look for the programs behind connections.');
    let known = this.#known.get(owner);
    if (known?.answer != null && Date.now() - known.at > (known.answer.process === null ? MISSED_KEPT_MS : FOUND_KEPT_MS))
      known = undefined;
    if (known?.answer != null) return known.answer;
    if (connection === null) return missed('The connection is closed.');
    if (known === undefined) {
      known = this.#ask(this.#find, connection);
      this.#known.set(owner, known);
    }
    return await Promise.race([known.asked, patience()]);
  }

  #ask(find: FindClientProcess, connection: ClientConnection): Known {
    const asked = this.#queue.then(async () => {
      const signal = AbortSignal.timeout(LOOK_MS);
      try {
        return await Promise.race([find(connection, signal), aborted(signal)]);
      } catch (error) {
        return missed(`It could not be found out: ${error instanceof Error ? error.message : String(error)}.`);
      }
    });
    this.#queue = asked;
    const known: Known = { answer: null, at: Date.now(), asked };
    void asked.then((answer) => {
      known.answer = answer;
      known.at = Date.now();
    });
    return known;
  }
}

function missed(reason: string): ProcessAnswer {
  return { process: null, reason };
}

function patience(): Promise<ProcessAnswer> {
  return new Promise((resolve) => {
    setTimeout(() => resolve(missed('It is being looked for.')), PATIENCE_MS).unref();
  });
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(new Error(`no answer within ${LOOK_MS / 1_000} s`)), { once: true });
  });
}
