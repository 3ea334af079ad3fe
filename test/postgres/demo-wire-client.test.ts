import { describe, expect, it } from 'vitest';
import { useCluster } from '../support/cluster.ts';
import { bind, execute, fields, message, parse, rows, sslRequest, startup, sync, WireClient } from '../support/wire-client.ts';

/** The client that other suites trust, against a real server without anything between. */
describe('the wire client', () => {
  const cluster = useCluster();

  it('speaks the simple and the extended protocol', async () => {
    const { client, greeting } = await WireClient.start(cluster().port);
    expect(greeting.map(({ type }) => type)).toContain('K');
    expect(rows(await client.query("select 1, null, 'zwei'"))).toEqual([['1', null, 'zwei']]);
    client.write(parse('', 'select $1::text'), bind('', '', ['drei']), execute(''), sync);
    expect(rows(await client.until('Z'))).toEqual([['drei']]);
    client.destroy();
  });

  it('reads what is no message, errors, and the end', async () => {
    const client = await WireClient.open(cluster().port);
    client.write(sslRequest);
    expect((await client.bytes(1)).toString()).toBe('N');
    client.write(startup({ user: 'nobody-of-that-name' }));
    const refusal = (await client.until('E')).at(-1);
    expect(refusal && fields(refusal)).toMatchObject({ S: 'FATAL', C: '28000' });
    await client.closed();
    await expect(client.next()).rejects.toThrow(/closed/);
    client.destroy();
  });

  it('half-closes and still reads', async () => {
    const { client } = await WireClient.start(cluster().port);
    client.write(message('Q', Buffer.from('select 7\0')));
    client.halfClose();
    expect(rows(await client.until('Z'))).toEqual([['7']]);
    await client.closed();
    client.destroy();
  });
});
