import { expect, it, onTestFinished } from 'vitest';
import { useCluster } from '../support/cluster.ts';
import { startYard } from '../support/yard.ts';
import { cstring, fields, message, rows, WireClient } from '../support/wire-client.ts';

const steady = useCluster({ name: 'steady' });
const doomed = useCluster({ name: 'doomed' });

const query = (sql: string): Buffer => message('Q', cstring(sql));

/** Sockets this process has open, without those of the test runner. */
function openSockets(): number {
  return process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap').length;
}

it('a server that crashes ends its own sessions clearly, in whatever they are, and leaves no socket behind', async () => {
  const before = openSockets();
  const yard = await startYard({
    endpoints: { steady: steady().url(), doomed: doomed().url() },
    options: { settings: { resurrection: { enabled: false } } },
  });
  const clients: WireClient[] = [];
  onTestFinished(async () => {
    for (const client of clients) client.destroy();
    await yard.stop();
  });
  const start = async (endpoint: string): Promise<WireClient> => {
    const { client } = await WireClient.start(yard.port, { options: `endpoint=${endpoint}` });
    clients.push(client);
    return client;
  };
  const idle = await start('doomed');
  const open = await start('doomed');
  await open.query('begin');
  const busy = await start('doomed');
  busy.write(query('select pg_sleep(30)'));
  const streaming = await start('doomed');
  streaming.socket.removeAllListeners('data');
  streaming.socket.pause();
  streaming.write(query("select repeat('x', 60000000)"));
  const other = await start('steady');
  other.write(query("select 'untouched', pg_sleep(5)"));
  await expect.poll(async () => (await yard.sessions()).filter(({ state }) => state === 'active').length).toBe(3);
  // The row is on its way, and stopped there.
  await expect.poll(async () => Math.max(...(await yard.sessions()).map(({ bytesOut }) => bytesOut))).toBeGreaterThan(100_000);

  await doomed().kill();

  for (const client of [idle, open, busy]) {
    expect(fields((await client.until('E')).at(-1) ?? expect.fail())).toMatchObject({ S: 'FATAL', C: '57P01' });
    await client.closed();
  }
  // In the middle of a row nothing can be said: what comes is a part of the row, and the end.
  let tail = Buffer.alloc(0);
  streaming.socket.on('data', (chunk: Buffer) => (tail = Buffer.concat([tail, chunk]).subarray(-20)));
  streaming.socket.resume();
  await streaming.closed();
  expect(tail.toString()).toBe('x'.repeat(20));

  expect(rows(await other.until('Z'))).toEqual([['untouched', '']]);
  await expect.poll(async () => (await yard.sessions()).map(({ endpoint }) => endpoint)).toEqual(['steady']);

  await doomed().up();
  expect(rows(await (await start('doomed')).query('select 1'))).toEqual([['1']]);

  for (const client of clients) client.destroy();
  await expect.poll(async () => (await yard.sessions()).length).toBe(0);
  await yard.stop();
  await expect.poll(openSockets).toBeLessThanOrEqual(before);
});
