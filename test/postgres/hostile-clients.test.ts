/** What clients and servers that mean harm, or have lost their minds, may not leave behind. */
import { expect, it } from 'vitest';
import { useCluster } from '../support/cluster.ts';
import { bind, cstring, execute, flush, int32, message, parse, startup, sync, WireClient } from '../support/wire-client.ts';
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

it('a Flush with a body is an error until the next Sync, as the server has it, and nothing stays outstanding', async () => {
  const { client } = await WireClient.start(yard().port);
  client.write(message('H', int32(7)), message('Q', cstring('select 1')), sync);
  expect((await client.until('Z')).map(({ type }) => type).join('')).toBe('EZ');
  expect(await yard().sessions()).toMatchObject([{ outstanding: 0, state: 'idle' }]);
  client.halfClose();
  await client.closed();
});

it('a client that closes its half behind a Flush still gets what was sent before it', async () => {
  const { client } = await WireClient.start(yard().port);
  client.write(parse('', "select 'flushed'"), bind('', ''), execute(''), flush);
  client.halfClose();
  const answers = await client.until('C');
  expect(answers.map(({ type }) => type).join('')).toBe('12DC');
  await client.closed();
  client.destroy();
  await expect.poll(async () => (await yard().sessions()).length, { timeout: 10_000 }).toBe(0);
});

it('a client that closes its half in the middle of a pipeline, without Flush or Sync, is gone at once', async () => {
  const { client } = await WireClient.start(yard().port);
  client.write(parse('', 'select 1'), bind('', ''), execute(''));
  client.halfClose();
  await client.closed();
  client.destroy();
  await expect.poll(async () => (await yard().sessions()).length, { timeout: 10_000 }).toBe(0);
});
