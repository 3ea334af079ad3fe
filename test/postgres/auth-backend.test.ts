import { describe, expect, it } from 'vitest';
import { useCluster } from '../support/cluster.ts';
import { startYard } from '../support/yard.ts';
import { fields, rows, startup, WireClient } from '../support/wire-client.ts';

const password = 'pæss word:%@/?#,';

for (const auth of ['password', 'md5', 'scram-sha-256'] as const) {
  describe(`a server that asks for ${auth}`, () => {
    const cluster = useCluster({ auth, password, settings: { password_encryption: auth === 'md5' ? 'md5' : 'scram-sha-256' } });

    /** Logs a client in through the proxy, which has this URL. */
    async function login(url: string): Promise<Record<string, string> | 'in'> {
      const yard = await startYard({ endpoints: { it: url } });
      const client = await WireClient.open(yard.port);
      try {
        client.write(startup({ user: 'postgres', database: 'postgres' }));
        for (;;) {
          const answer = await client.next();
          if (answer.type === 'E') return fields(answer);
          if (answer.type === 'Z') break;
        }
        expect(rows(await client.query('select system_user is not null'))).toEqual([['t']]);
        return 'in';
      } finally {
        client.destroy();
        await yard.stop();
      }
    }

    it('lets the endpoint’s password in', async () => {
      expect(await login(cluster().url())).toBe('in');
    });

    it('refuses another, and the client learns what to do', async () => {
      const answer = await login(cluster().url().replace(encodeURIComponent(password), 'wrong'));
      expect(answer).toMatchObject({ S: 'FATAL', C: '28P01' });
      expect((answer as Record<string, string>)['H']).toContain('password of the endpoint');
      expect(JSON.stringify(answer)).not.toContain('wrong');
    });

    it('is told apart from one that has no password stored', async () => {
      const answer = await login(
        cluster()
          .url()
          .replace(`:${encodeURIComponent(password)}@`, '@'),
      );
      expect(answer).toMatchObject({ S: 'FATAL', C: '28P01' });
      expect((answer as Record<string, string>)['M']).toContain('none is stored');
      expect((answer as Record<string, string>)['H']).toContain('enter the password');
    });
  });
}

describe('a changed password', () => {
  const cluster = useCluster({ auth: 'scram-sha-256', password });

  it('is used from the next session on, also when idle connections know the former one', async () => {
    const yard = await startYard({ endpoints: { it: cluster().url() } });
    const open = async (): Promise<string> => {
      const client = await WireClient.open(yard.port);
      client.write(startup({ user: 'postgres', database: 'postgres' }));
      for (;;) {
        const answer = await client.next();
        if (answer.type !== 'E' && answer.type !== 'Z') continue;
        client.destroy();
        await expect.poll(async () => (await yard.sessions()).length).toBe(0);
        return answer.type === 'Z' ? 'in' : (fields(answer)['C'] ?? '');
      }
    };
    try {
      expect(await open()).toBe('in');
      const url = `postgresql://postgres@${cluster().host}:${cluster().port}/postgres`;
      await yard.switchyard.handlers['endpoints.save']({ id: 'it', url, password: 'wrong' });
      expect(await open()).toBe('28P01');
      await yard.switchyard.handlers['endpoints.save']({ id: 'it', url, password });
      expect(await open()).toBe('in');
    } finally {
      await yard.stop();
    }
  });
});
