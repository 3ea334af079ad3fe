/** A server of CockroachDB's dialect goes away: its sessions are not brought back, and are told so. */
import { expect, it, onTestFinished } from 'vitest';
import { startPods } from '../fakes/cockroach-dialect/pods.ts';
import { fields, WireClient } from '../support/wire-client.ts';
import { startYard } from '../support/yard.ts';

it('a session at rest hears that it is not brought back, and is a blocker of a restart', async () => {
  const pods = await startPods(1);
  onTestFinished(() => pods.stop());
  const yard = await startYard({ endpoints: { a: pods.pod(1).url() } });
  onTestFinished(() => yard.stop());
  const { client } = await WireClient.start(yard.port, { user: 'app', database: 'defaultdb', options: 'endpoint=a' });
  onTestFinished(() => client.destroy());
  await client.query("SET application_name = 'roach'");
  const [session] = await yard.sessions();
  const { handlers } = yard.switchyard;
  const { operationId } = await handlers['backend.restart']({ backend: session?.backend ?? expect.fail(), withinMs: 60_000 });
  await expect
    .poll(async () => (await handlers['operation.blockers']({ operationId })).blockers.map(({ reason }) => reason))
    .toEqual(['it would lose the session, which CockroachDB alone knows']);
  await handlers['operation.cancel']({ operationId });

  await pods.stop();

  const error = fields((await client.until('E')).at(-1) ?? expect.fail());
  expect(error).toMatchObject({ S: 'FATAL', C: '57P01', H: 'Connect again. Sessions of CockroachDB are not brought back.' });
  await client.closed();
});
