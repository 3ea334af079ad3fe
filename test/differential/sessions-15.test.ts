/** Random sessions on PostgreSQL 15: through the switchyard every client hears what it hears directly. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { campaign } from './support/campaign.ts';
import { startWorld, type World } from './support/world.ts';

let world: World | null = null;
beforeAll(async () => {
  world = await startWorld(15, 'transaction');
});
afterAll(async () => {
  await world?.stop();
});

it('answers as the server does', async () => {
  if (world === null) throw new Error('the servers did not start');
  expect(await campaign('15', world, 800)).toBeGreaterThan(0);
});
