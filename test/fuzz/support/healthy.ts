/**
 * Clients that do nothing wrong, next to the fuzz: none of their answers may be wrong or late, whatever the others send. One of
 * them is moved between two servers all the time.
 */
import { createHash } from 'node:crypto';
import pg from 'pg';
import { move } from '../../support/migration.ts';
import { bind, columns, describeStatement, execute, parse, sync, WireClient } from '../../support/wire-client.ts';
import type { Yard } from '../../support/yard.ts';

/** An answer may take this long: far more than it ever does, far less than anybody would wait. */
const LATE_MS = 5_000;
const PAUSE_MS = 15;

/** What they saw. */
export interface HealthReport {
  readonly answers: number;
  readonly slowestMs: number;
  readonly moves: number;
  /** What was wrong, in words. */
  readonly complaints: readonly string[];
}

/** See the head of this file. */
export class HealthyClients {
  #answers = 0;
  #slowestMs = 0;
  #moves = 0;
  readonly #complaints: string[] = [];
  #stopping = false;
  readonly #loops: Promise<void>[] = [];
  readonly #ends: (() => Promise<void>)[] = [];
  readonly #yard: Yard;

  private constructor(yard: Yard) {
    this.#yard = yard;
  }

  /** Connects them and lets them go; the yard has the endpoints `ep-a` and `ep-b`. */
  static async start(yard: Yard): Promise<HealthyClients> {
    const clients = new HealthyClients(yard);
    const driver = new pg.Client({ connectionString: yard.connectionString('ep-a'), application_name: 'healthy driver' });
    const mover = new pg.Client({ connectionString: yard.connectionString('ep-a'), application_name: 'healthy mover' });
    await Promise.all([driver.connect(), mover.connect()]);
    const { client: wire } = await WireClient.start(yard.port, { database: 'ep-b/postgres', application_name: 'healthy wire' });
    await mover.query("set my.note = 'kept'");
    await mover.query('prepare kept as select $1::int * 3 as answer');
    clients.#loop(
      'the driver',
      (turn) => clients.#ask(driver, turn),
      () => driver.end(),
    );
    clients.#loop(
      'the raw client',
      (turn) => clients.#pipeline(wire, turn),
      async () => Promise.resolve(wire.destroy()),
    );
    clients.#loop(
      'the client being moved',
      (turn) => clients.#askMoved(mover, turn),
      () => mover.end(),
    );
    clients.#loop(
      'the mover',
      (turn) => clients.#move(turn),
      async () => Promise.resolve(),
    );
    clients.#loop(
      'a new client each time',
      (turn) => clients.#come(turn),
      async () => Promise.resolve(),
    );
    return clients;
  }

  /** Lets them finish and tells what they saw. */
  async stop(): Promise<HealthReport> {
    this.#stopping = true;
    await Promise.all(this.#loops);
    await Promise.all(this.#ends.splice(0).map((end) => end()));
    return { answers: this.#answers, slowestMs: Math.round(this.#slowestMs), moves: this.#moves, complaints: this.#complaints };
  }

  #loop(who: string, step: (turn: number) => Promise<void>, end: () => Promise<void>): void {
    const run = async (): Promise<void> => {
      for (let turn = 0; !this.#stopping && this.#complaints.length === 0; turn++) {
        const asked = performance.now();
        try {
          await step(turn);
        } catch (error) {
          this.#complaints.push(`${who}, turn ${turn}: ${error instanceof Error ? error.message : String(error)}`);
          return;
        }
        const took = performance.now() - asked;
        this.#answers++;
        this.#slowestMs = Math.max(this.#slowestMs, took);
        if (took > LATE_MS) this.#complaints.push(`${who}, turn ${turn}: the answer took ${Math.round(took)} ms`);
        await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
      }
    };
    this.#loops.push(run());
    this.#ends.push(end);
  }

  async #ask(client: pg.Client, turn: number): Promise<void> {
    const { rows } = await client.query<{ i: number; hash: string }>({
      name: `q${turn % 3}`,
      text: `select i, md5(i::text || '${turn % 3}') as hash from generate_series($1::int, $1::int + 20) as i`,
      values: [turn],
    });
    const wanted = Array.from({ length: 21 }, (_, index) => ({ i: turn + index, hash: md5(`${turn + index}${turn % 3}`) }));
    same(rows, wanted);
  }

  async #pipeline(client: WireClient, turn: number): Promise<void> {
    client.write(
      parse('p', 'select $1::text, length($1::text)'),
      describeStatement('p'),
      ...[`a${turn}`, 'ä'.repeat(turn % 500)].flatMap((text) => [bind('', 'p', [text]), execute('')]),
      Buffer.concat([Buffer.from('C\0\0\0\x07Sp\0', 'latin1')]),
      sync,
    );
    const answers = await client.until('Z');
    same(
      answers.filter(({ type }) => type === 'D').map((row) => columns(row)),
      [
        [`a${turn}`, String(`a${turn}`.length)],
        ['ä'.repeat(turn % 500), String(turn % 500)],
      ],
    );
    same(answers.map(({ type }) => type).join(''), '1tT2DC2DC3Z');
  }

  async #askMoved(client: pg.Client, turn: number): Promise<void> {
    const { rows } = await client.query<{ note: string; turn: number }>("select current_setting('my.note') as note, $1::int as turn", [
      turn,
    ]);
    same(rows, [{ note: 'kept', turn }]);
    const executed = await client.query<{ answer: number }>(`execute kept(${turn})`);
    same(executed.rows, [{ answer: 3 * turn }]);
  }

  async #move(turn: number): Promise<void> {
    const row = await move(this.#yard, 'healthy mover', turn % 2 === 0 ? 'ep-b' : 'ep-a');
    if (row.outcome !== 'success') throw new Error(`the move ended in ${row.outcome}: ${row.reason}`);
    this.#moves++;
  }

  async #come(turn: number): Promise<void> {
    const client = new pg.Client({ connectionString: this.#yard.connectionString('ep-b'), connectionTimeoutMillis: LATE_MS });
    await client.connect();
    try {
      same((await client.query<{ turn: number }>('select $1::int as turn', [turn])).rows, [{ turn }]);
    } finally {
      await client.end();
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

function md5(text: string): string {
  return createHash('md5').update(text).digest('hex');
}

function same(seen: unknown, wanted: unknown): void {
  const [one, other] = [JSON.stringify(seen), JSON.stringify(wanted)];
  if (one !== other) throw new Error(`the answer is wrong: ${one.slice(0, 300)} in the place of ${other.slice(0, 300)}`);
}
