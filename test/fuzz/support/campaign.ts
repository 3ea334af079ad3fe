/**
 * Runs many fuzz cases, some at a time, each within its deadline. A case follows from its seed alone; one that fails is tried
 * again alone, made shorter as long as it still fails, and told with its seed and its bytes.
 */
import { caseSeed, Random } from './random.ts';
import { HeapWatch } from './heap-watch.ts';

/** A kind of case. `Input` is plain data: what is sent, and how the case ends. */
export interface Kind<Input extends { readonly pieces: readonly Buffer[] }, Lane> {
  readonly name: string;
  /** Makes the case of a seed. */
  make(random: Random): Input;
  /** Runs it; rejects when the proxy did wrong. */
  run(input: Input, lane: Lane): Promise<void>;
  /** What one of the cases that run side by side keeps from one case to the next. */
  openLane(): Promise<Lane>;
  closeLane(lane: Lane): Promise<void>;
}

/** How much of it. */
export interface Campaign {
  readonly cases: number;
  /** How many run side by side. */
  readonly lanes: number;
  /** Names of seeds that failed once: run first, always. */
  readonly regressions: Readonly<Record<string, number>>;
  readonly deadlineMs: number;
}

/** The run's seed: `SEED` of the environment, else a new one. Printed, so that a run can be had again. */
export const runSeed = Number(process.env['SEED'] ?? Math.floor(Math.random() * 0xffffffff)) >>> 0;
/** `CASES` multiplies the number of cases: 0.01 for a look, 100 for a night. */
const scale = Number(process.env['CASES'] ?? 1);
/** `ONLY` runs the cases with these seeds alone (decimal, comma between). */
const only = (process.env['ONLY'] ?? '').split(',').filter(Boolean).map(Number);

/** Runs the campaign; rejects with the first failures. Returns how many cases there were. */
export async function runCampaign<Input extends { readonly pieces: readonly Buffer[] }, Lane>(
  kind: Kind<Input, Lane>,
  campaign: Campaign,
): Promise<number> {
  const regressions = Object.values(campaign.regressions);
  const total = only.length > 0 ? only.length : regressions.length + Math.max(1, Math.round(campaign.cases * scale));
  const seedOf = (index: number): number => (only.length > 0 ? only[index] : regressions[index]) ?? caseSeed(runSeed, index);
  const heap = new HeapWatch();
  const failures: string[] = [];
  const started = performance.now();
  let next = 0;
  const lane = async (): Promise<void> => {
    let kept = await kind.openLane();
    while (next < total && failures.length === 0) {
      const seed = seedOf(next++);
      if (next % Math.max(1, Math.floor(total / 12)) === 0) heap.sample(next);
      const input = kind.make(new Random(seed));
      try {
        await within(campaign.deadlineMs, kind.run(input, kept));
      } catch (error) {
        await kind.closeLane(kept).catch(() => undefined);
        kept = await kind.openLane();
        failures.push(await tell(kind, campaign, seed, input, error));
      }
    }
    await kind.closeLane(kept);
  };
  await Promise.all(Array.from({ length: campaign.lanes }, lane));
  const seconds = (performance.now() - started) / 1_000;
  process.stdout.write(
    `fuzz ${kind.name}: ${next} cases in ${seconds.toFixed(1)} s (${Math.round(next / seconds)}/s), SEED=${runSeed}; ${heap.summary()}\n`,
  );
  if (failures.length > 0) throw new Error(failures.join('\n\n'));
  heap.assertFlat();
  return next;
}

async function tell<Input extends { readonly pieces: readonly Buffer[] }, Lane>(
  kind: Kind<Input, Lane>,
  campaign: Campaign,
  seed: number,
  input: Input,
  error: unknown,
): Promise<string> {
  let shortest = input;
  let again = false;
  const fails = async (candidate: Input): Promise<boolean> => {
    const lane = await kind.openLane();
    try {
      await within(campaign.deadlineMs, kind.run(candidate, lane));
      return false;
    } catch {
      return true;
    } finally {
      await kind.closeLane(lane).catch(() => undefined);
    }
  };
  const until = Date.now() + 30_000;
  if (await fails(input)) {
    again = true;
    for (let at = 0; at < shortest.pieces.length && Date.now() < until;) {
      const candidate = { ...shortest, pieces: shortest.pieces.toSpliced(at, 1) };
      if (await fails(candidate)) shortest = candidate;
      else at++;
    }
  }
  const rest = { ...shortest, pieces: undefined };
  return [
    `fuzz ${kind.name}, case seed ${seed} (run with SEED=${runSeed}; alone: ONLY=${seed}): ${error instanceof Error ? error.message : String(error)}`,
    again ? 'it fails again alone; shortened to:' : 'alone it passes: it needs what ran before or beside it; its bytes:',
    ...shortest.pieces.map(
      (piece) => `  ${JSON.stringify(piece.subarray(0, 512).toString('latin1'))}${piece.length > 512 ? ` … ${piece.length} bytes` : ''}`,
    ),
    `  ${JSON.stringify(rest)}`,
  ].join('\n');
}

/** Rejects when `step` takes longer. */
export async function within(ms: number, step: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`the case hangs: not over within ${ms} ms`)), ms);
  });
  try {
    await Promise.race([step, late]);
  } finally {
    clearTimeout(timer);
  }
}
