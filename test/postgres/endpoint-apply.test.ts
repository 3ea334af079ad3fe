/** Several edits of the map at once: what they would do is said first, and then all of them are done or none. */
import { afterEach, expect, test } from 'vitest';
import type pg from 'pg';
import type { CallReply, CallRequest } from '../../core/contract/index.ts';
import { useCluster } from '../support/cluster.ts';
import { backendOf, connectMany, endAll } from '../support/operations.ts';
import { useYard } from '../support/yard.ts';

const a = useCluster({ name: 'a' });
const b = useCluster({ name: 'b' });
const yard = useYard(() => ({ endpoints: { 'ep-a': a().url(), 'ep-b': b().url(), spare: b().url('template1') } }));

const open: pg.Client[] = [];
afterEach(async () => {
  await endAll(open.splice(0));
  await expect.poll(async () => (await yard().sessions()).length).toBe(0);
});

type Changes = CallRequest<'endpoints.apply'>['changes'];
async function apply(changes: Changes, dryRun = false): Promise<CallReply<'endpoints.apply'>> {
  return await yard().switchyard.handlers['endpoints.apply']({ changes, dryRun });
}

async function map(): Promise<[string, string, boolean, string][]> {
  const { endpoints } = await yard().snapshot();
  return endpoints.map(({ id, backend, isDefault, poolMode }) => [id, backend, isDefault, poolMode]);
}

test('a dry run says what each change does and who stays behind, and does nothing', async () => {
  open.push(...(await connectMany(yard(), 'ep-a', 3)));
  const before = await map();
  const ids = (await yard().sessions()).map(({ id }) => id);
  const { applied, effects } = await apply(
    [
      { kind: 'save', id: 'ep-a', url: b().url(), pooling: { mode: 'transaction', profile: 'strict' } },
      { kind: 'save', id: 'third', url: b().url(), makeDefault: true, color: 5 },
      { kind: 'save', id: 'depot', url: b().url('template1'), replaces: 'spare' },
      { kind: 'remove', id: 'ep-b' },
      { kind: 'save', id: 'third', url: b().url() },
    ],
    true,
  );
  expect(applied).toBe(false);
  expect(effects.map(({ problem }) => problem)).toEqual([null, null, null, null, null]);
  expect(effects[0]).toMatchObject({ endpoint: 'ep-a', backend: backendOf(b()), blockers: [] });
  expect(effects[0]?.stranded.toSorted((x, y) => x - y)).toEqual(ids.toSorted((x, y) => x - y));
  expect(effects[0]?.does).toEqual([
    `New clients go to ${backendOf(b())}, database postgres, role postgres instead of ${backendOf(a())}.`,
    'Its sessions are pooled in transaction mode, strict.',
  ]);
  expect(effects[1]?.does.join(' ')).toMatch(/third is added.*another colour.*third is the default/);
  expect(effects[2]?.does).toEqual(['spare is called depot: clients have to ask for the new name.']);
  expect(effects[3]?.does).toEqual(['ep-b is removed: clients that ask for it get the default, third.']);
  expect(effects[4]?.does).toEqual([]);
  expect(await map()).toEqual(before);
});

test('one change that cannot be done keeps all of them from being done, and names who stands in the way', async () => {
  open.push(...(await connectMany(yard(), 'ep-a', 2)));
  const before = await map();
  const { applied, effects } = await apply([
    { kind: 'save', id: 'third', url: b().url() },
    { kind: 'remove', id: 'ep-a' },
    { kind: 'save', id: 'new-name', url: a().url(), replaces: 'ep-a' },
    { kind: 'save', id: 'bad', url: 'mysql://nowhere' },
    { kind: 'save', id: 'ep-b', url: b().url(), replaces: 'spare' },
    { kind: 'save', id: 'drafted', url: b().url(), passwordFrom: 'long gone' },
  ]);
  expect(applied).toBe(false);
  expect(effects.map(({ problem }) => problem?.code ?? null)).toEqual([
    null,
    'in_use',
    'in_use',
    'invalid_url',
    'endpoint_exists',
    'unknown_draft',
  ]);
  for (const effect of effects.slice(1, 3)) expect(effect.blockers).toHaveLength(2);
  expect(await map()).toEqual(before);
});

test('done, it is done at once: names, servers, default, pooling and colours; and sessions go on where they are', async () => {
  open.push(...(await connectMany(yard(), 'ep-a', 2)));
  const swap: Changes = [
    { kind: 'save', id: 'depot', url: b().url('template1'), replaces: 'spare', pooling: { mode: 'transaction', profile: 'compatible' } },
    { kind: 'save', id: 'ep-a', url: b().url(), color: 6 },
    { kind: 'save', id: 'third', url: a().url(), makeDefault: true },
    { kind: 'remove', id: 'ep-b' },
  ];
  const { applied, effects } = await apply(swap);
  expect(applied).toBe(true);
  expect(effects[1]?.stranded).toHaveLength(2);
  expect(await map()).toEqual([
    ['ep-a', backendOf(b()), false, 'session'],
    ['depot', backendOf(b()), false, 'transaction'],
    ['third', backendOf(a()), true, 'session'],
  ]);
  const { endpoints, sessions } = await yard().snapshot();
  expect(endpoints.map(({ color }) => color)).toEqual([6, 6, 0]);
  expect(sessions.map(({ backend }) => backend)).toEqual([backendOf(a()), backendOf(a())]);
  expect((await open[0]?.query('select 1 as one'))?.rows).toEqual([{ one: 1 }]);

  // A rename takes the pooling along.
  expect((await apply([{ kind: 'save', id: 'shed', url: b().url('template1'), replaces: 'depot' }])).applied).toBe(true);
  expect((await map())[1]).toEqual(['shed', backendOf(b()), false, 'transaction']);
  const { settings } = await yard().switchyard.handlers['settings.get']({});
  expect(settings.pooling.endpoints).toEqual([{ endpoint: 'shed', mode: 'transaction', profile: 'compatible' }]);
});
