/** A yard of its own for each case, with a striking relay in front of either server. */
import type { Settings, TransferMode, TransferPhase, TransferRow } from '../../../core/contract/index.ts';
import type { SwitchyardOptions } from '../../../core/switchyard.ts';
import { expect } from 'vitest';
import { startYard, type Yard } from '../../support/yard.ts';
import { Scenario, type Vocabulary } from './scenario.ts';
import { StrikingRelay, type ExchangeBegun } from './striking-relay.ts';
import type { Side } from './strike.ts';

/** A kind of move. */
export interface Kind {
  /** For the table. */
  readonly name: string;
  /** What is asked for; null: whatever suits. */
  readonly mode: TransferMode | null;
  readonly poolMode: Settings['pooling']['mode'];
  /** What clients log in with. */
  readonly parameters: Readonly<Record<string, string>>;
  readonly words: Vocabulary;
  /** URL of a server reached through a port. */
  url(port: number): string;
  /** Ports of the servers themselves. */
  ports(): Readonly<Record<Side, number>>;
}

/** See the head of this file. */
export class Rig {
  readonly yard: Yard;
  readonly relays: Readonly<Record<Side, StrikingRelay>>;
  readonly scenario: Scenario;
  readonly #kind: Kind;

  private constructor(kind: Kind, yard: Yard, relays: Readonly<Record<Side, StrikingRelay>>, scenario: Scenario) {
    this.#kind = kind;
    this.yard = yard;
    this.relays = relays;
    this.scenario = scenario;
  }

  /** One client is connected and set up. */
  static async start(kind: Kind, deadlines: NonNullable<SwitchyardOptions['deadlines']>): Promise<Rig> {
    const ports = kind.ports();
    const relays = { old: await new StrikingRelay('old', ports.old).start(), new: await new StrikingRelay('new', ports.new).start() };
    const yard = await startYard({
      endpoints: { 'ep-old': kind.url(relays.old.port), 'ep-new': kind.url(relays.new.port) },
      options: {
        deadlines,
        // A session that is rebuilt when its server is gone is another suite's business.
        settings: { pooling: { mode: kind.poolMode }, resurrection: { enabled: false } },
      },
    });
    // Until the servers have been asked whether they are there: nothing else is said on the way then.
    await expect.poll(async () => (await yard.snapshot()).endpoints.every(({ status }) => status === 'up'), { timeout: 20_000 }).toBe(true);
    const scenario = await Scenario.start(yard.port, kind.parameters, kind.words);
    await scenario.setUp();
    if (kind.mode === 'detached')
      await expect
        .poll(async () => (await yard.sessions())[0]?.serverPid, { timeout: 20_000, message: 'the session is detached' })
        .toBeNull();
    return new Rig(kind, yard, relays, scenario);
  }

  /** Tells of every exchange that begins; what it returns is done to it. */
  onExchange(act: StrikingRelay['onExchange']): void {
    for (const relay of [this.relays.old, this.relays.new]) relay.onExchange = act;
  }

  /** The phase of the move in this very moment; null: it has not begun. */
  phase(): TransferPhase | null {
    return this.#transfers().at(-1)?.phase ?? null;
  }

  /** Moves the session; resolves with the settled transfer. */
  async move(): Promise<TransferRow> {
    const [session] = await this.yard.sessions();
    if (session === undefined) throw new Error('there is no session');
    const { handlers } = this.yard.switchyard;
    await handlers.migrate({ sessionIds: [session.id], to: 'ep-new', withinMs: 15_000, mode: this.#kind.mode ?? undefined });
    await expect.poll(() => this.#transfers().at(-1)?.outcome ?? null, { timeout: 30_000, interval: 5 }).not.toBeNull();
    const [row, ...others] = this.#transfers();
    if (row === undefined || others.length > 0) throw new Error(`${others.length + 1} transfers in the place of one`);
    return row;
  }

  /** Ends all; rejects when anything is left. */
  async stop(): Promise<void> {
    const { yard, relays } = this;
    try {
      await expect.poll(async () => (await yard.sessions()).length, { timeout: 20_000 }).toBe(0);
      const busy = async (): Promise<number> =>
        (await yard.snapshot()).pools.reduce(
          (sum, pool) => sum + pool.active + pool.connecting + pool.resetting + pool.checking + pool.waiting,
          0,
        );
      await expect.poll(busy, { timeout: 20_000, message: 'server connections that nobody uses' }).toBe(0);
      relays.old.release();
      relays.new.release();
      await yard.stop();
      await expect
        .poll(() => relays.old.connections + relays.new.connections, { timeout: 20_000, message: 'connections to the servers' })
        .toBe(0);
    } finally {
      relays.old.close();
      relays.new.close();
    }
  }

  /** The counters say what the one transfer came to. */
  async expectCounted(row: TransferRow): Promise<void> {
    const { counters } = await this.yard.snapshot();
    const { success, error_recoverable, error_fatal, refused } = counters;
    expect({ success, error_recoverable, error_fatal, refused, [row.outcome ?? '']: 1 }).toEqual({
      success,
      error_recoverable,
      error_fatal,
      refused,
    });
    expect(success + error_recoverable + error_fatal + refused, 'outcomes').toBe(1);
    expect(counters.attempted).toBe(success + error_recoverable + error_fatal);
    expect(counters.inFlight).toBe(0);
  }

  #transfers(): TransferRow[] {
    const snapshot = this.yard.switchyard.handlers.snapshot({});
    if (snapshot instanceof Promise) throw new Error('the snapshot is not there at once');
    return snapshot.transfers;
  }
}

/** Which exchange of its phase and side this is; counts. */
export class Count {
  readonly #counts = new Map<string, number>();

  next(phase: TransferPhase, { side }: ExchangeBegun): number {
    const key = `${phase} ${side}`;
    const count = (this.#counts.get(key) ?? 0) + 1;
    this.#counts.set(key, count);
    return count;
  }
}
