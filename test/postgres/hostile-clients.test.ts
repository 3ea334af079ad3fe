/** What clients and servers that mean harm, or have lost their minds, may not leave behind. */
import { expect, it } from 'vitest';
import { useCluster } from '../support/cluster.ts';
import { startup, WireClient } from '../support/wire-client.ts';
import { useYard } from '../support/yard.ts';

const cluster = useCluster();
const yard = useYard(() => ({ endpoints: { 'ep-a': cluster().url() } }));

it('a database that does not exist leaves no pool behind', async () => {
  for (let i = 0; i < 5; i++) {
    const client = await WireClient.open(yard().port);
    client.write(startup({ user: 'postgres', database: `nowhere${i}` }));
    await client.until('E');
    await client.closed();
    client.destroy();
  }
  const good = (await WireClient.start(yard().port)).client;
  expect((await yard().snapshot()).pools.map(({ database }) => database)).toEqual(['postgres']);
  good.destroy();
});
