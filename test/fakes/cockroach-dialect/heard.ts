/** What a pod has heard: for assertions. */

/** One message. */
export interface HeardMessage {
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** Number of the connection, from 1, in the order of arrival at the pod. */
  readonly connection: number;
  /** Its letter. */
  readonly type: string;
  /** Whole size. */
  readonly bytes: number;
  /** SQL of a Query or Parse. */
  readonly sql: string | null;
}

/** A StartupMessage, parameter names in lower case as the server takes them; `raw` as they came. */
export interface HeardStartup {
  readonly at: number;
  readonly connection: number;
  readonly encrypted: boolean;
  readonly parameters: ReadonlyMap<string, string>;
  readonly raw: ReadonlyMap<string, string>;
}

/** A CancelRequest; `hit`: a connection has this key. */
export interface HeardCancel {
  readonly at: number;
  readonly pid: number;
  readonly secret: Buffer;
  readonly encrypted: boolean;
  readonly hit: boolean;
}

/** The log of one pod; messages beyond the last 100,000 are forgotten. */
export class Heard {
  readonly startups: HeardStartup[] = [];
  readonly cancels: HeardCancel[] = [];
  #messages: HeardMessage[] = [];
  #goodbyes = 0;

  note(message: HeardMessage): void {
    this.#messages.push(message);
    if (message.type === 'X') this.#goodbyes++;
    if (this.#messages.length > 200_000) this.#messages = this.#messages.slice(100_000);
  }

  get messages(): readonly HeardMessage[] {
    return this.#messages;
  }

  /** How many Terminate came. */
  get goodbyes(): number {
    return this.#goodbyes;
  }

  /** SQL of all Query and Parse messages that contain a text, in any case. */
  sql(containing = ''): string[] {
    const wanted = containing.toLowerCase();
    return this.#messages.flatMap(({ sql }) => (sql?.toLowerCase().includes(wanted) === true ? [sql] : []));
  }
}
