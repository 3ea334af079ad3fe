import { describe, expect, it, onTestFinished } from 'vitest';
import { useCluster } from '../support/cluster.ts';
import { startYard, useYard, type Yard } from '../support/yard.ts';
import {
  bind,
  cancelRequest,
  cstring,
  execute,
  fields,
  flush,
  message,
  parse,
  rows,
  sync,
  WireClient,
  type WireMessage,
} from '../support/wire-client.ts';

const cluster = useCluster();
const yard = useYard(() => ({ endpoints: { 'ep-a': cluster().url() } }));
const query = (sql: string): Buffer => message('Q', cstring(sql));

async function start(at: Yard = yard()): Promise<{ client: WireClient; key: Buffer }> {
  const { client, greeting } = await WireClient.start(at.port);
  onTestFinished(() => client.destroy());
  return { client, key: greeting.find(({ type }) => type === 'K')?.body ?? expect.fail('no key') };
}

/** Sends a cancel request; resolves when the proxy has closed its connection. */
async function cancel(key: Buffer, at: Yard = yard()): Promise<void> {
  const sender = await WireClient.open(at.port);
  sender.write(cancelRequest(key));
  await sender.closed();
  sender.destroy();
}

const isCancelled = (answers: WireMessage[]): boolean => answers.some((answer) => answer.type === 'E' && fields(answer)['C'] === '57014');

async function running(count = 1): Promise<void> {
  await expect.poll(async () => (await yard().sessions()).filter(({ state }) => state === 'active').length).toBe(count);
}

describe('a cancel request', () => {
  it('cancels with the client’s own key, which is not the server’s', async () => {
    const { client, key } = await start();
    const pid = rows(await client.query('select pg_backend_pid()'))[0]?.[0];
    expect(String(key.readInt32BE(0))).not.toBe(pid);
    client.write(query('select pg_sleep(30)'));
    await running();
    await cancel(key);
    expect(isCancelled(await client.until('Z'))).toBe(true);
    expect(rows(await client.query('select 1'))).toEqual([['1']]);
  });

  it('reaches a statement in an open pipeline, whose answers a Flush brings', async () => {
    const { client, key } = await start();
    client.write(parse('', 'select pg_sleep(30)'), bind('', ''), execute(''), flush);
    await running();
    await cancel(key);
    expect(isCancelled(await client.until('E'))).toBe(true);
    client.write(sync);
    await client.until('Z');
  });

  it('with a wrong secret, or for nobody, does nothing', async () => {
    const { client, key } = await start();
    client.write(query("select 'done', pg_sleep(0.3)"));
    await running();
    const wrong = Buffer.from(key);
    wrong.writeInt8(wrong.readInt8(7) ^ 1, 7);
    const nobody = Buffer.from(key);
    nobody.writeInt32BE(key.readInt32BE(0) ^ 1, 0);
    await Promise.all([
      cancel(wrong),
      cancel(nobody),
      cancel(Buffer.concat([key, key])),
      cancel(Buffer.concat([key.subarray(0, 4), Buffer.alloc(200)])),
    ]);
    expect(rows(await client.until('Z'))).toEqual([['done', '']]);
  });

  it('does nothing to an idle session, nor to what it does next', async () => {
    const { client, key } = await start();
    await client.query('select 1');
    await Promise.all(Array.from({ length: 20 }, () => cancel(key)));
    expect(rows(await client.query("select 'next', pg_sleep(0.1)"))).toEqual([['next', '']]);
  });

  it('uses a key that stays the client’s while its server connection serves others', async () => {
    const first = await start();
    first.client.destroy();
    await expect.poll(async () => (await yard().sessions()).length).toBe(0);
    const second = await start();
    expect(second.key.equals(first.key)).toBe(false);
    second.client.write(query("select 'mine', pg_sleep(0.3)"));
    await running();
    await cancel(first.key);
    expect(rows(await second.client.until('Z'))).toEqual([['mine', '']]);
  });
});

it('never hits the next session on the same server connection: a pool of one and many cancels', async () => {
  const tight = await startYard({ endpoints: { 'ep-a': cluster().url() }, options: { poolSize: 1 } });
  onTestFinished(() => tight.stop());
  const pids = new Set<string>();
  for (let round = 0; round < 40; round++) {
    const { client, key } = await start(tight);
    client.write(query('select pg_sleep(0.01), pg_backend_pid()'));
    // Some arrive while it runs, some when it is over, some when its server connection belongs to the next.
    const cancels = Promise.all(
      Array.from({ length: 25 }, async (_, i) => {
        await new Promise((resolve) => setTimeout(resolve, (i % 5) * 4));
        await cancel(key, tight);
      }),
    );
    await client.until('Z');
    client.destroy();
    const next = await start(tight);
    for (let i = 0; i < 10; i++) {
      const answers = await next.client.query('select pg_sleep(0.002), pg_backend_pid()');
      expect(isCancelled(answers), `round ${round}, query ${i}`).toBe(false);
      pids.add(rows(answers)[0]?.[1] ?? '');
    }
    await cancels;
    next.client.destroy();
    await expect.poll(async () => (await tight.sessions()).length).toBe(0);
  }
  expect(pids.size, 'the connection is mostly kept').toBeLessThan(30);
}, 120_000);
