/**
 * What the client of a case does: the same bytes every time, in three acts, and every byte that it is answered is kept. It has settings, a
 * named statement and an unnamed one, and counts.
 */
import {
  bind,
  describeStatement,
  execute,
  fields,
  parse,
  sync,
  terminate,
  WireClient,
  type WireMessage,
} from '../../support/wire-client.ts';

/** How a client's connection ended, and what it was told until then. */
export interface Heard {
  readonly messages: readonly WireMessage[];
  /** The FATAL error at the end, in words; null: there was none. */
  readonly fatal: string | null;
  /** The server's side closed before the client had said goodbye. */
  readonly isCut: boolean;
}

/** How a client sets up its session and looks at it; a dialect server does not know all of PostgreSQL. */
export interface Vocabulary {
  readonly setUp: readonly string[];
  readonly look: readonly string[];
}

/** One client, connected. */
export class Scenario {
  readonly #client: WireClient;
  readonly #words: Vocabulary;
  readonly #messages: WireMessage[] = [];
  #syncs = 0;
  #failure: unknown = null;

  private constructor(client: WireClient, words: Vocabulary) {
    this.#client = client;
    this.#words = words;
  }

  static async start(port: number, parameters: Record<string, string>, words: Vocabulary): Promise<Scenario> {
    const { client } = await WireClient.start(port, parameters);
    return new Scenario(client, words);
  }

  /** Act one. */
  async setUp(): Promise<void> {
    for (const sql of this.#words.setUp) this.#send(parse('', sql), bind('', ''), execute(''), sync);
    // In one pipeline the statements would be parsed while settings are changing, which ties a pooled session to its server connection.
    await this.#answers();
    this.#send(parse('named', `SELECT 'named', $1::int`), sync);
    this.#send(parse('', `SELECT 'unnamed', $1::int`), sync);
    await this.#answers();
  }

  /** Act two, sent while the session is being moved: a pipeline. */
  sendPipeline(): void {
    for (let n = 0; n < 3; n++) this.#send(bind('', n === 1 ? 'named' : '', [String(n)]), execute(''), sync);
  }

  /** The end of act two. */
  async hearPipeline(): Promise<void> {
    await this.#answers();
  }

  /** Act three: whether all is as it was. */
  async look(): Promise<void> {
    this.#send(bind('', '', ['10']), execute(''), sync);
    this.#send(describeStatement('named'), bind('', 'named', ['11']), execute(''), sync);
    for (const sql of this.#words.look) this.#send(parse('', sql), bind('', ''), execute(''), sync);
    await this.#answers();
  }

  /** Leaves; what was heard in all. */
  async leave(): Promise<Heard> {
    const isCut = this.#client.isClosed;
    if (!isCut) this.#client.write(terminate);
    await this.#client.closed().catch(() => undefined);
    this.#client.destroy();
    const last = this.#messages.at(-1);
    const fatal = last?.type === 'E' && fields(last)['S'] === 'FATAL' ? `${fields(last)['C']}: ${fields(last)['M']}` : null;
    return { messages: this.#messages, fatal, isCut: isCut || this.#failure !== null };
  }

  /** Goes without a word. */
  vanish(): void {
    this.#client.socket.resetAndDestroy();
  }

  #send(...messages: Buffer[]): void {
    this.#syncs += messages.filter((each) => each.equals(sync)).length;
    if (!this.#client.isClosed) this.#client.write(...messages);
  }

  async #answers(): Promise<void> {
    try {
      while (this.#syncs > 0) {
        const next = await this.#client.next();
        this.#messages.push(next);
        if (next.type === 'Z') this.#syncs--;
      }
    } catch (error) {
      this.#syncs = 0;
      this.#failure ??= error;
    }
  }
}

/** For comparison: types and bytes. */
export function asText(messages: readonly WireMessage[]): string {
  return messages.map(({ type, body }) => `${type} ${body.toString('latin1')}`).join('\n');
}
