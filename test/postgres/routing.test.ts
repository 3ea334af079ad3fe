import { describe, expect, it, onTestFinished } from 'vitest';
import { useCluster } from '../support/cluster.ts';
import { startYard, useYard } from '../support/yard.ts';
import { fields, rows, startup, WireClient } from '../support/wire-client.ts';

const a = useCluster({ name: 'a' });
const b = useCluster({ name: 'b' });
const yard = useYard(() => ({ endpoints: { 'ep-a': a().url(), 'ep-b': b().url() } }));

async function reach(parameters: Record<string, string | Uint8Array>): Promise<WireClient> {
  const client = await WireClient.open(yard().port);
  onTestFinished(() => client.destroy());
  client.write(startup({ user: 'postgres', database: 'postgres', ...parameters }));
  await client.until('Z');
  return client;
}

const portOf = async (client: WireClient): Promise<number> => Number(rows(await client.query('show port'))[0]?.[0]);

describe('an endpoint is reached', () => {
  it.each([
    ['endpoint=', { options: 'endpoint=ep-b' }],
    ['project=', { options: 'project=ep-b' }],
    ['-c endpoint=', { options: '-c endpoint=ep-b' }],
    ['--endpoint=', { options: '--endpoint=ep-b' }],
    ['--cluster=', { options: '--cluster=ep-b' }],
    ['database', { database: 'ep-b/postgres' }],
  ])('by %s, and the server hears nothing of it', async (_how, parameters) => {
    const client = await reach(parameters);
    expect(await portOf(client)).toBe(b().port);
    expect(rows(await client.query('select current_database()'))).toEqual([['postgres']]);
  });

  it('every other word of the options is forwarded as it was', async () => {
    const client = await reach({ options: '-c work_mem=3MB endpoint=ep-b -c search_path=a,\\ b --my.setting=x\\\\y' });
    expect(await portOf(client)).toBe(b().port);
    expect(
      rows(await client.query("select current_setting('work_mem'), current_setting('search_path'), current_setting('my.setting')")),
    ).toEqual([['3MB', 'a, b', 'x\\y']]);
  });

  it('and every other parameter, whatever it is', async () => {
    const client = await reach({ DateStyle: 'German', extra_float_digits: '3', 'my.word': 'x y', TimeZone: 'Asia/Tokyo' });
    expect(
      rows(
        await client.query(
          "select current_setting('datestyle'), current_setting('extra_float_digits'), current_setting('my.word'), current_setting('timezone')",
        ),
      ),
    ).toEqual([['German, DMY', '3', 'x y', 'Asia/Tokyo']]);
  });

  it('one that is not known falls through to the default, and it shows', async () => {
    const client = await reach({ options: 'endpoint=ep-typo', application_name: 'typo' });
    expect(await portOf(client)).toBe(a().port);
    const row = (await yard().sessions()).find(({ application }) => application === 'typo');
    expect(row).toMatchObject({ endpoint: 'ep-a', requestedEndpoint: 'ep-typo', routedBy: 'fallback' });
  });
});

describe('text that is not UTF-8', () => {
  it('reaches the server byte for byte, and again after a move', async () => {
    const bytes = Buffer.concat([Buffer.from('sch', 'latin1'), Buffer.from([0xf6]), Buffer.from('n \u20ac', 'utf8')]);
    const direct = (await WireClient.start(a().port)).client;
    onTestFinished(() => direct.destroy());
    await Promise.all(
      [a, b].map(async (cluster) => {
        const { client } = await WireClient.start(cluster().port);
        await client.query("create database latin encoding 'SQL_ASCII' locale 'C' template template0");
        client.destroy();
      }),
    );
    const client = await reach({ database: 'latin', 'my.name': bytes, client_encoding: 'SQL_ASCII', application_name: 'bytes' });
    const read = async (): Promise<string | undefined> =>
      rows(await client.query("select encode(convert_to(current_setting('my.name'), 'SQL_ASCII'), 'hex')"))[0]?.[0] ?? undefined;
    expect(await read()).toBe(bytes.toString('hex'));
    const id = (await yard().sessions()).find(({ application }) => application === 'bytes')?.id ?? expect.fail();
    await yard().switchyard.handlers.migrate({ sessionIds: [id], to: 'ep-b', withinMs: 10_000 });
    await expect.poll(async () => (await yard().sessions()).find((row) => row.id === id)?.endpoint).toBe('ep-b');
    expect(await portOf(client)).toBe(b().port);
    expect(await read()).toBe(bytes.toString('hex'));
  });

  it('names a role or a database that the server answers for, not us', async () => {
    const client = await WireClient.open(yard().port);
    onTestFinished(() => client.destroy());
    client.write(startup({ user: 'postgres', database: Buffer.from([0x64, 0xfc]) }));
    expect(fields((await client.until('E')).at(-1) ?? expect.fail())).toMatchObject({ S: 'FATAL', C: '3D000' });
    expect(await yard().sessions()).toEqual([]);
  });
});

it('two that disagree are refused with both', async () => {
  const strict = await startYard({
    endpoints: { 'ep-a': a().url(), 'ep-b': b().url() },
    options: { settings: { unknownEndpoint: 'refuse' } },
  });
  onTestFinished(() => strict.stop());
  const ask = async (parameters: Record<string, string>): Promise<Record<string, string>> => {
    const client = await WireClient.open(strict.port);
    onTestFinished(() => client.destroy());
    client.write(startup({ user: 'postgres', ...parameters }));
    return fields((await client.until('E')).at(-1) ?? expect.fail());
  };
  expect(await ask({ options: 'endpoint=ep-a', database: 'ep-b/postgres' })).toMatchObject({
    S: 'FATAL',
    C: '08004',
    M: 'the options name endpoint "ep-a", the database name ("ep-b/postgres") names endpoint "ep-b"',
  });
  expect((await ask({ options: 'endpoint=ep-a --cluster=ep-b' }))['M']).toBe(
    'the options name two endpoints, "endpoint=ep-a" and "cluster=ep-b"',
  );
  expect(await ask({ options: 'endpoint=ep-c' })).toMatchObject({ C: '3D000', H: 'Known endpoints: ep-a, ep-b.' });
});
