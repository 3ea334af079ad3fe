/** Cancel requests that arrive while their session is being moved (pooling.md section 4: whichever side wins). */
import { describe, expect, it, onTestFinished } from 'vitest';
import { useCluster } from '../support/cluster.ts';
import { move, sessionId } from '../support/migration.ts';
import { startRelay } from '../support/relay.ts';
import { cancelRequest, cstring, fields, message, rows, WireClient, type WireMessage } from '../support/wire-client.ts';
import { startYard, type Yard } from '../support/yard.ts';

const a = useCluster({ name: 'a' });
const b = useCluster({ name: 'b' });
const query = (sql: string): Buffer => message('Q', cstring(sql));
const isCancelled = (answers: WireMessage[]): boolean => answers.some((answer) => answer.type === 'E' && fields(answer)['C'] === '57014');

/** `text` stands in what the proxy asks the old server at the capture, so the relay can stop it there. */
const CAPTURE = 'pg_listening_channels';

async function start(): Promise<{ at: Yard; client: WireClient; key: Buffer; relay: Awaited<ReturnType<typeof startRelay>>; id: number }> {
  const relay = await startRelay(a().port);
  const at = await startYard({
    endpoints: { 'ep-a': `postgresql://postgres@127.0.0.1:${relay.port}/postgres`, 'ep-b': b().url() },
  });
  const { client, greeting } = await WireClient.start(at.port, { application_name: 'moving' });
  onTestFinished(async () => {
    client.destroy();
    await at.stop();
    await relay.close();
  });
  return { at, client, relay, key: greeting.find(({ type }) => type === 'K')?.body ?? expect.fail(), id: await sessionId(at, 'moving') };
}

async function cancel(at: Yard, key: Buffer): Promise<void> {
  const sender = await WireClient.open(at.port);
  sender.write(cancelRequest(key));
  await sender.closed();
  sender.destroy();
}

async function portOf(client: WireClient): Promise<string | null | undefined> {
  return rows(await client.query('select inet_server_port()'))[0]?.[0];
}

describe('a cancel request', () => {
  it('in the middle of a move reaches what the client has sent meanwhile, on the server it came to', async () => {
    const { at, client, relay, key, id } = await start();
    relay.arm('silence', CAPTURE);
    const moving = move(at, id, 'ep-b');
    await relay.struck();
    client.write(query('select pg_sleep(60)'));
    // Until its bytes have been read: they are held by the proxy.
    await expect.poll(async () => (await at.sessions())[0]?.state).toBe('migrating');
    await cancel(at, key);
    relay.release();
    expect(await moving).toMatchObject({ outcome: 'success' });
    expect(isCancelled(await client.until('Z'))).toBe(true);
    expect(await portOf(client)).toBe(String(b().port));
  });

  it('in the middle of a move of an idle session comes to nothing, then and later', async () => {
    const { at, client, relay, key, id } = await start();
    relay.arm('silence', CAPTURE);
    const moving = move(at, id, 'ep-b');
    await relay.struck();
    await cancel(at, key);
    relay.release();
    expect(await moving).toMatchObject({ outcome: 'success' });
    expect(isCancelled(await client.query('select pg_sleep(0.3)'))).toBe(false);
    expect(await portOf(client)).toBe(String(b().port));
  });

  it('ends the statement that a move waits for, and then the session moves; its key is the same there', async () => {
    const { at, client, key, id } = await start();
    client.write(query('select pg_sleep(60)'));
    await expect.poll(async () => (await at.sessions())[0]?.state).toBe('active');
    const moving = move(at, id, 'ep-b', 30);
    await expect.poll(async () => (await at.snapshot()).transfers.find((row) => row.sessionId === id)?.phase).toBe('armed');
    await cancel(at, key);
    expect(isCancelled(await client.until('Z'))).toBe(true);
    expect(await moving).toMatchObject({ outcome: 'success' });
    client.write(query('select pg_sleep(60)'));
    await expect.poll(async () => (await at.sessions())[0]?.state).toBe('active');
    await cancel(at, key);
    expect(isCancelled(await client.until('Z'))).toBe(true);
    expect(await portOf(client)).toBe(String(b().port));
  });
});
