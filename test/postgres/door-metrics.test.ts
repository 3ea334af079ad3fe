/** The first seed's counters of clients and cancel requests (cockroach-migration.md 5 and 8.3), on the page that Prometheus reads. */
import { once } from 'node:events';
import net from 'node:net';
import pg from 'pg';
import { describe, expect, it } from 'vitest';
import { useCluster } from '../support/cluster.ts';
import { readPrometheusText } from '../support/prometheus-text.ts';
import { cancelRequest } from '../../core/wire/messages.ts';
import { startYard, type Yard } from '../support/yard.ts';

const one = useCluster();

function value(yard: Yard, name: string, labels = ''): number | undefined {
  return readPrometheusText(yard.switchyard.metrics())
    .get(name)
    ?.samples.get(name + labels);
}

async function within<T>(use: (yard: Yard) => Promise<T>): Promise<T> {
  const yard = await startYard({ endpoints: { 'ep-a': one().url() }, options: { settings: { unknownEndpoint: 'refuse' } } });
  try {
    return await use(yard);
  } finally {
    await yard.stop();
  }
}

async function connected(yard: Yard): Promise<pg.Client> {
  const client = new pg.Client({ host: '127.0.0.1', port: yard.port, user: 'postgres', database: 'postgres' });
  await client.connect();
  return client;
}

describe('the door', () => {
  it('counts every connection, the clients let in, and those that named no endpoint', async () => {
    await within(async (yard) => {
      const good = await Promise.all(Array.from({ length: 5 }, () => connected(yard)));
      for (let at = 0; at < 6; at++) {
        const bad = new pg.Client({ host: '127.0.0.1', port: yard.port, user: 'postgres', database: 'nowhere/postgres' });
        await expect(bad.connect()).rejects.toMatchObject({ code: '3D000' });
      }
      for (let at = 0; at < 7; at++) {
        const bare = net.connect(yard.port, '127.0.0.1');
        await once(bare, 'connect');
        bare.destroy();
      }
      await expect.poll(() => value(yard, 'proxy_sql_accepted_conns')).toBe(18);
      expect(value(yard, 'proxy_sql_successful_conns')).toBe(5);
      expect(value(yard, 'proxy_sql_conns')).toBe(5);
      expect(value(yard, 'proxy_err_routing')).toBe(6);
      expect(value(yard, 'proxy_sql_routing_method_count', '{method="default"}')).toBe(5);
      await Promise.all(good.map((client) => client.end()));
      await expect.poll(() => value(yard, 'proxy_sql_conns')).toBe(0);
    });
  });

  it('counts cancel requests: received = ignored + successful', async () => {
    await within(async (yard) => {
      const client = await connected(yard);
      const key = client as unknown as { processID: number; secretKey: number };
      const secret = Buffer.alloc(4);
      secret.writeInt32BE(key.secretKey);
      const ask = async (): Promise<void> => {
        const socket = net.connect(yard.port, '127.0.0.1');
        const closed = once(socket, 'close');
        socket.end(cancelRequest(key.processID, secret));
        socket.resume();
        await closed;
      };
      await ask();
      await expect.poll(() => value(yard, 'proxy_query_cancel_ignored')).toBe(1);
      const running = client.query('select pg_sleep(60)').then(
        () => 'done',
        (error: { code?: string }) => error.code,
      );
      await expect.poll(async () => (await yard.sessions())[0]?.state).toBe('active');
      await ask();
      expect(await running).toBe('57014');
      secret.writeInt32BE(key.secretKey ^ 1);
      await ask();
      await expect.poll(() => value(yard, 'proxy_query_cancel_ignored')).toBe(2);
      expect(value(yard, 'proxy_query_cancel_successful')).toBe(1);
      expect(value(yard, 'proxy_query_cancel_received_pgwire')).toBe(3);
      await client.end();
    });
  });
});
