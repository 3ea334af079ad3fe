/** What random sessions have found once, by its name: played in several orders. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { batchOf, CASES } from './regressions/cases.ts';
import { perform } from './support/perform.ts';
import { startWorld, type World } from './support/world.ts';

const ORDERS = 3;

let world: World | null = null;
beforeAll(async () => {
  world = await startWorld(18, 'transaction');
});
afterAll(async () => {
  await world?.stop();
});

test.each(Object.entries(CASES))('%s', async (_, regression) => {
  if (world === null) throw new Error('the servers did not start');
  const batch = batchOf(regression);
  for (let schedule = 1; schedule <= ORDERS; schedule++) {
    expect(await perform({ ...batch, schedule }, world, { steps: 0, probes: 0 })).toBeNull();
    await world.renew();
  }
});
