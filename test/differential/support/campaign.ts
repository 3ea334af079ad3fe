/** Plays many batches, one after the other, and tells the first that fails: its seed, its steps, and a shorter form of it. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { caseSeed } from '../../fuzz/support/random.ts';
import { KINDS, makeBatch, SESSIONS } from './generate.ts';
import { perform, type Difference, type Tally } from './perform.ts';
import { wording, type Batch } from './script.ts';
import { shorten } from './shorten.ts';
import type { World } from './world.ts';

/** The run's seed: `SEED` of the environment, else a new one. Printed, so that a run can be had again. */
export const runSeed = Number(process.env['SEED'] ?? Math.floor(Math.random() * 0xffffffff)) >>> 0;
/** `SESSIONS` of the environment: how many sessions, in place of what the suite asks for. */
const wanted = process.env['SESSIONS'] === undefined ? null : Number(process.env['SESSIONS']);
/** `ONLY`: the batches of the run with these numbers alone (comma between). */
const only = (process.env['ONLY'] ?? '').split(',').filter(Boolean).map(Number);

/** `KEEP_GOING`: tells so many failing batches, not only the first. */
const most = Number(process.env['KEEP_GOING'] ?? 1);

const SHORTEN_MS = most > 1 ? 15_000 : 90_000;
/** Playing again needs luck where timing matters: so often a failure gets the chance to come again, each time in another order. */
const ATTEMPTS = 4;

/** Plays so many sessions; rejects with the first difference, in words. Returns how many there were. */
export async function campaign(title: string, world: World, sessions: number): Promise<number> {
  const count = Math.ceil((wanted ?? sessions) / SESSIONS);
  const numbers = only.length > 0 ? only : Array.from({ length: count }, (_, number) => number);
  const tally: Tally = { steps: 0, probes: 0 };
  const kinds = new Map<string, number>(KINDS.map((kind) => [kind, 0]));
  const failures: string[] = [];
  const started = performance.now();
  for (const number of numbers) {
    const batch = makeBatch(caseSeed(runSeed, number));
    for (const kind of batch.sessions.flatMap((session) => session.kinds)) kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
    const difference = await perform(batch, world, tally);
    if (difference === null) continue;
    failures.push(await tell(title, world, number, batch, difference));
    if (failures.length >= most) break;
    process.stdout.write(`${failures.at(-1)}\n\n`);
    await world.renew();
  }
  if (failures.length > 0) throw new Error(failures.join('\n\n'));
  const seconds = (performance.now() - started) / 1_000;
  const { counters, pools } = await world.yard.snapshot();
  const total = (pick: (pool: (typeof pools)[number]) => number): number => pools.reduce((sum, pool) => sum + pick(pool), 0);
  process.stdout.write(
    [
      `differential ${title}: ${numbers.length * SESSIONS} sessions, ${tally.steps} steps, ${tally.probes} probes in ${seconds.toFixed(1)} s, SEED=${runSeed}`,
      `  moves: ${counters.success} done, ${counters.refused} refused, ${counters.error_recoverable} recoverable, ${counters.error_fatal} fatal`,
      `  server connections: ${total(({ opened }) => opened)} opened, ${total(({ assignments }) => assignments)} times given out`,
      `  ${[...kinds].map(([kind, times]) => `${kind} ${times}`).join(', ')}\n`,
    ].join('\n'),
  );
  if (counters.error_fatal > 0) throw new Error(`${counters.error_fatal} moves were fatal`);
  const never = [...kinds].filter(([, times]) => times === 0).map(([kind]) => kind);
  if (only.length === 0 && numbers.length >= 50 && never.length > 0) throw new Error(`never tried: ${never.join(', ')}`);
  return numbers.length * SESSIONS;
}

async function tell(title: string, world: World, number: number, batch: Batch, difference: Difference): Promise<string> {
  let last = difference;
  const fails = async (candidate: Batch): Promise<Batch | null> => {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const played = { ...candidate, schedule: candidate.schedule + attempt };
      await world.renew();
      const found = await perform(played, world, { steps: 0, probes: 0 });
      // Another fault would lead away from this one.
      if (found?.words !== difference.words) continue;
      last = found;
      return played;
    }
    return null;
  };
  const again = await fails(batch);
  const shortest = again === null ? batch : await shorten(again, fails, Date.now() + SHORTEN_MS);
  const file = keep(`${title}-${runSeed}-${number}`, shortest);
  return [
    `differential ${title}, batch ${number} (again: SEED=${runSeed} ONLY=${number}; played alone from ${file}):`,
    again !== null ? 'It fails again; shortened:' : `Played again it passed ${ATTEMPTS} times; all its steps:`,
    `  startup ${JSON.stringify(shortest.startup)}${shortest.moves ? ', with moves' : ''}`,
    ...shortest.sessions.flatMap(({ steps }, who) => steps.map((step, index) => `  ${who}.${index} ${wording(step)}`)),
    `Session ${last.who}, step ${last.step}: ${last.words}`,
    'directly:',
    ...last.expected.map((line) => `  ${line}`),
    'through the switchyard:',
    ...last.got.map((line) => `  ${line}`),
  ].join('\n');
}

/** Where the failing batch can be had, to be copied to test/differential/regressions under a name that says what was wrong. */
function keep(name: string, batch: Batch): string {
  const folder = 'test-results';
  mkdirSync(folder, { recursive: true });
  const file = join(folder, `differential-${name.replace(/\W+/g, '-')}.json`);
  writeFileSync(file, `${JSON.stringify(batch, null, 2)}\n`);
  return file;
}
