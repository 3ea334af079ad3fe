/** Rubbish in the place of an opening, a login, or right behind it; most of it never reaches a server. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { useCluster } from '../support/cluster.ts';
import { useYard } from '../support/yard.ts';
import { expectHealthy, expectNothingLeft } from './support/aftermath.ts';
import { runCampaign, type Kind } from './support/campaign.ts';
import { HealthyClients } from './support/healthy.ts';
import { makeOpening, type OpeningCase } from './support/openings.ts';
import { expectWholeAnswers, RawClient } from './support/raw-client.ts';
import { regressions } from './support/regressions.ts';

const DEADLINE_MS = 10_000;
/** How long a client that waits gives the proxy to say something before it leaves: the proxy may be waiting for more, rightly. */
const QUIET_MS = 4;

const one = useCluster({ name: 'a' });
const other = useCluster({ name: 'b' });
const yard = useYard(() => ({
  endpoints: { 'ep-a': one().url(), 'ep-b': other().url() },
  options: { settings: { limits: { clients: 0 } } },
}));

let healthy: HealthyClients | null = null;
beforeAll(async () => {
  healthy = await HealthyClients.start(yard());
});
afterAll(async () => {
  await healthy?.stop();
});

const kind: Kind<OpeningCase, null> = {
  name: 'opening',
  make: makeOpening,
  openLane: () => Promise.resolve(null),
  closeLane: () => Promise.resolve(),
  async run({ pieces, leave }) {
    const client = await RawClient.open(yard().port, DEADLINE_MS);
    try {
      await client.send(pieces);
      if (leave === 'reset') {
        client.reset();
        return;
      }
      if (leave === 'fin') client.finish();
      const heard = [await client.everything(QUIET_MS)];
      if (!client.isOver) {
        client.finish();
        heard.push(await client.rest(DEADLINE_MS));
      }
      expectWholeAnswers(Buffer.concat(heard));
    } finally {
      client.destroy();
    }
  },
};

it('the opening', async () => {
  await runCampaign(kind, { cases: 56_000, lanes: 12, regressions: regressions.opening, deadlineMs: 2 * DEADLINE_MS });
  expectHealthy((await healthy?.stop()) ?? expect.fail());
  await expectNothingLeft(yard(), [one(), other()]);
});
