/**
 * Plays a batch: first every session directly, then all of them side by side through the switchyard, in an order that the batch's own
 * number decides, with pauses and moves; every answer is compared with what was said directly.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Random } from '../../fuzz/support/random.ts';
import { same } from './answers.ts';
import { freshSchemas } from './fixture.ts';
import { Player, type Stage } from './player.ts';
import { PROBE, PROBE_AT_ONCE } from './probe.ts';
import { wording, type Batch, type SessionScript, type Step } from './script.ts';
import { POOL_SIZE, type World } from './world.ts';

/** The first thing that was not as it is directly. */
export interface Difference {
  /** Number of the session in its batch, or the probe. */
  readonly who: number | 'probe';
  /** Number of the step; `asides`: what may come at any time. */
  readonly step: number | 'asides';
  readonly words: string;
  readonly expected: readonly string[];
  readonly got: readonly string[];
}

/** What a run says besides. */
export interface Tally {
  steps: number;
  probes: number;
}

interface Recording {
  readonly answers: string[][];
  readonly asides: string[][];
}

interface Actor {
  readonly who: number | 'probe';
  readonly script: Pick<SessionScript, 'steps' | 'roams'>;
  readonly recorded: Recording;
  readonly player: Player;
  next: number;
  busy: Promise<void> | null;
}

/** How long the next one waits for the step under way, most of the time. */
const PATIENCE_MS = 6;

/** Plays the batch; null when all was as it is directly. */
export async function perform(batch: Batch, world: World, tally: Tally): Promise<Difference | null> {
  const numbers = Math.max(1, batch.sessions.length);
  await Promise.all(world.admins.map((admin) => freshSchemas(admin, numbers)));
  const [recordings, probe, sweep] = await Promise.all([
    Promise.all(batch.sessions.map(({ steps }) => record(steps, world.direct))),
    record([{ do: 'open', startup: batch.startup }, ...PROBE], world.direct),
    record([{ do: 'open', startup: batch.startup }, ...PROBE_AT_ONCE], world.direct),
  ]);
  const difference = await new Performance(batch, world, tally, recordings, probe).play();
  if (difference !== null) return difference;
  const steps: Step[] = [{ do: 'open', startup: batch.startup }, ...PROBE_AT_ONCE];
  const last: Batch = { ...batch, moves: false, sessions: Array.from({ length: POOL_SIZE }, () => ({ steps, kinds: [], roams: false })) };
  const recorded = last.sessions.map(() => sweep);
  return await new Performance(last, world, tally, recorded, null).play();
}

async function record(steps: readonly Step[], stage: Stage): Promise<Recording> {
  const player = new Player(stage);
  const answers: string[][] = [];
  for (const step of steps) answers.push(await player.play(step));
  player.drop();
  return { answers, asides: player.asides };
}

class Performance {
  readonly #batch: Batch;
  readonly #world: World;
  readonly #tally: Tally;
  readonly #random: Random;
  readonly #actors: Actor[];
  readonly #probe: Recording | null;
  #prober: Actor | null = null;
  #difference: Difference | null = null;

  constructor(batch: Batch, world: World, tally: Tally, recordings: readonly Recording[], probe: Recording | null) {
    this.#batch = batch;
    this.#world = world;
    this.#tally = tally;
    this.#random = new Random(batch.schedule);
    this.#probe = probe;
    this.#actors = batch.sessions.map((script, index) => this.#actor(index, script, recordings[index] ?? { answers: [], asides: [] }));
  }

  async play(): Promise<Difference | null> {
    try {
      while (this.#difference === null) {
        const open = this.#actors.filter(({ next, script, busy }) => busy !== null || next < script.steps.length);
        if (open.length === 0) break;
        const free = open.filter(({ busy }) => busy === null);
        if (free.length === 0) await Promise.race(underWay(open));
        else await this.#turn(this.#random.pick(free));
      }
      await this.#prober?.busy;
      return this.#difference;
    } finally {
      for (const { player } of this.#actors) player.drop();
      this.#prober?.player.drop();
      await Promise.all(underWay(this.#actors));
    }
  }

  async #turn(actor: Actor): Promise<void> {
    const step = this.#begin(actor);
    if (this.#random.below(10) < 7) await Promise.race([step, sleep(PATIENCE_MS)]);
    if (this.#random.oneIn(6)) await sleep(this.#random.below(3));
    if (this.#batch.moves && this.#random.oneIn(10)) await this.#move();
    if (this.#probe !== null && this.#random.oneIn(5)) await this.#ask();
  }

  #begin(actor: Actor): Promise<void> {
    actor.busy = this.#step(actor).finally(() => (actor.busy = null));
    return actor.busy;
  }

  async #step(actor: Actor): Promise<void> {
    const at = actor.next++;
    const step = actor.script.steps[at];
    if (step === undefined) return;
    this.#tally.steps++;
    const expected = actor.recorded.answers[at] ?? [];
    const differs = (got: readonly string[]): void => {
      this.#difference ??= { who: actor.who, step: at, words: wording(step), expected, got };
    };
    try {
      const got = await actor.player.play(step);
      if (!same(got, expected)) differs(got);
    } catch (error) {
      differs([String(error), ...(await this.#situation())]);
    }
    if (actor.next >= actor.script.steps.length) this.#compareAsides(actor);
  }

  /** What the proxy says about itself, for an answer that never came. */
  async #situation(): Promise<string[]> {
    const { sessions, pools } = await this.#world.yard.snapshot();
    return [
      ...pools.map(
        (pool) => `pool ${pool.key}: active ${pool.active}, idle ${pool.idle}, connecting ${pool.connecting}, waiting ${pool.waiting}`,
      ),
      ...sessions.map(
        (row) => `session ${row.id}: ${row.state}, pid ${row.serverPid}, pool ${row.pool}, pins ${row.pins.map(({ code }) => code).join()}`,
      ),
    ];
  }

  #compareAsides({ who, recorded, player }: Actor): void {
    for (const [index, expected] of recorded.asides.entries()) {
      const got = player.asides[index] ?? [];
      if (!same(got, expected)) {
        this.#difference ??= { who, step: 'asides', words: `what came unasked on connection ${index + 1}`, expected, got };
      }
    }
  }

  /** Moves somebody, if somebody is there; how that ends is the proxy's business, what the client sees is ours. */
  async #move(): Promise<void> {
    const { yard, aliases, twins } = this.#world;
    const actor = this.#random.pick(this.#actors);
    const to = this.#random.pick(actor.script.roams ? [...aliases, ...twins] : aliases);
    const port = actor.player.localPort;
    const row = (await yard.sessions()).find(({ clientPort }) => clientPort === port && port !== undefined);
    if (row === undefined) return;
    await yard.switchyard.handlers.migrate({ sessionIds: [row.id], to, withinMs: 2_000 });
  }

  /** One question of the probe, by a client that asks nothing else; now and then by a new one. */
  async #ask(): Promise<void> {
    const recorded = this.#probe;
    if (recorded === null || (this.#prober !== null && this.#prober.busy !== null)) return;
    const steps: readonly Step[] = [{ do: 'open', startup: this.#batch.startup }, ...PROBE];
    if (this.#prober === null || this.#random.oneIn(8)) {
      this.#prober?.player.drop();
      this.#prober = this.#actor('probe', { steps, roams: false }, recorded);
    } else this.#prober.next = this.#random.between(1, PROBE.length);
    this.#tally.probes++;
    await Promise.race([this.#begin(this.#prober), sleep(PATIENCE_MS)]);
  }

  #actor(who: number | 'probe', script: Pick<SessionScript, 'steps' | 'roams'>, recorded: Recording): Actor {
    return { who, script, recorded, player: new Player(this.#world.through), next: 0, busy: null };
  }
}

function underWay(actors: readonly Actor[]): Promise<void>[] {
  return actors.flatMap(({ busy }) => (busy === null ? [] : [busy]));
}
