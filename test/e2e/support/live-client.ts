/** Real clients with the `pg` driver, and a record of everything that they were answered. */
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { cancelRequest, int32, WireClient } from '../../support/wire-client.ts';

/** What the loop's statement answered. */
export interface Answer {
  /** The number that was sent with it. */
  n: number;
  /** `inet_server_port()` of the server that answered. */
  port: number;
  zone: string;
  userId: string | null;
}

/** Where and as whom to connect. */
export interface ClientOptions {
  port: number;
  /** Null: straight to a server, not through the proxy. */
  endpoint: string | null;
  application: string;
}

const pauseMs = 5;
const statement = 'which server answers';

/** One connection. Nothing that goes wrong is lost: it is in `errors`. */
export class LiveClient {
  readonly application: string;
  /** In the order they came. */
  readonly answers: Answer[] = [];
  readonly errors: Error[] = [];
  /** `channel: payload`. */
  readonly notifications: string[] = [];
  readonly #client: pg.Client;
  readonly #port: number;
  #working = false;
  #loop: Promise<void> = Promise.resolve();
  #ending = false;

  private constructor(options: ClientOptions) {
    this.application = options.application;
    this.#port = options.port;
    this.#client = new pg.Client({
      host: '127.0.0.1',
      port: options.port,
      user: 'postgres',
      database: 'postgres',
      application_name: options.application,
      connectionTimeoutMillis: 20_000,
      ...(options.endpoint === null ? {} : { options: `endpoint=${options.endpoint}` }),
    });
    this.#client.on('error', (error) => this.errors.push(error));
    this.#client.on('end', () => {
      if (!this.#ending) this.errors.push(new Error('the connection ended'));
    });
    this.#client.on('notification', ({ channel, payload }) => this.notifications.push(`${channel}: ${payload ?? ''}`));
  }

  static async connect(options: ClientOptions): Promise<LiveClient> {
    const live = new LiveClient(options);
    await live.#client.connect();
    return live;
  }

  async query(text: string): Promise<Record<string, unknown>[]> {
    return (await this.#client.query<Record<string, unknown>>(text)).rows;
  }

  /** Asks one named prepared statement about 200 times a second, until `rest` or an error. */
  work(): void {
    if (this.#working) return;
    this.#working = true;
    this.#loop = this.#run();
  }

  /** Ends the loop after the answer it waits for. */
  async rest(): Promise<void> {
    this.#working = false;
    await this.#loop;
  }

  /** The port that the newest answer came from. */
  get lastPort(): number | undefined {
    return this.answers.at(-1)?.port;
  }

  /** Sends a CancelRequest with this connection's own key, as the proxy or server gave it at the start. */
  async cancel(): Promise<void> {
    // Missing in the driver's types.
    const { processID, secretKey } = this.#client as unknown as { processID: number; secretKey: number };
    const wire = await WireClient.open(this.#port);
    wire.write(cancelRequest(Buffer.concat([int32(processID), int32(secretKey)])));
    await wire.closed();
    wire.destroy();
  }

  async close(): Promise<void> {
    this.#ending = true;
    await this.rest();
    await this.#client.end();
  }

  async #run(): Promise<void> {
    for (let n = this.answers.length; this.#working; n++) {
      try {
        const { rows } = await this.#client.query<Answer>({
          name: statement,
          text: `select $1::int as n, inet_server_port() as port, current_setting('TimeZone') as zone,
                   current_setting('app.user_id', true) as "userId"`,
          values: [n],
        });
        this.answers.push(...rows);
      } catch (error) {
        this.errors.push(error instanceof Error ? error : new Error(String(error)));
        return;
      }
      await sleep(pauseMs);
    }
  }
}

/** The numbers of a loop's answers, each of which must equal its place. */
export function outOfOrder(answers: readonly Answer[]): Answer[] {
  return answers.filter(({ n }, place) => n !== place);
}
