import { createServer } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { SettingsInput } from '../../core/contract/index.ts';
import { Switchyard } from '../../core/switchyard.ts';
import { useCluster } from '../support/cluster.ts';
import { startYard, type Yard } from '../support/yard.ts';
import {
  bind,
  cancelRequest,
  cstring,
  execute,
  fields,
  flush,
  message,
  packet,
  int32,
  parse,
  rows,
  startup,
  terminate,
  WireClient,
  type WireMessage,
} from '../support/wire-client.ts';

const cluster = useCluster();

async function yardWith(settings: SettingsInput, poolSize = 200): Promise<Yard> {
  const at = await startYard({ endpoints: { 'ep-a': cluster().url(), 'ep-b': cluster().url() }, options: { settings, poolSize } });
  onTestFinished(() => at.stop());
  return at;
}

async function open(at: Yard): Promise<WireClient> {
  const client = await WireClient.open(at.port);
  onTestFinished(() => client.destroy());
  return client;
}

async function start(at: Yard, parameters: Record<string, string> = {}): Promise<WireClient> {
  const client = await open(at);
  client.write(startup({ user: 'postgres', database: 'postgres', ...parameters }));
  await client.until('Z');
  return client;
}

async function refused(at: Yard, parameters: Record<string, string> = {}): Promise<Record<string, string>> {
  const client = await open(at);
  client.write(startup({ user: 'postgres', database: 'postgres', ...parameters }));
  return await lastWords(client);
}

async function lastWords(client: WireClient): Promise<Record<string, string>> {
  const error = fields((await client.until('E')).at(-1) ?? expect.fail());
  await client.closed();
  return error;
}

const query = (sql: string): Buffer => message('Q', cstring(sql));

describe('limits', () => {
  it('on clients in total: who holds the places is said; a place that is given back can be had', async () => {
    const at = await yardWith({ limits: { clients: 2 } });
    const first = await start(at, { application_name: 'billing' });
    await start(at, { application_name: 'billing' });
    const error = await refused(at, { application_name: 'late' });
    expect(error).toMatchObject({ S: 'FATAL', C: '53300', D: 'Held by billing (2).' });
    expect(error['M']).toContain('2 are connected, at most 2');
    const console = await at.consoleClient();
    await console.end();
    first.write(terminate);
    await first.closed();
    await start(at);
  });

  it('per endpoint and per user, whatever the role on the server is', async () => {
    const at = await yardWith({ limits: { clientsPerEndpoint: 1, clientsPerUser: 1 } });
    await start(at, { options: 'endpoint=ep-a' });
    expect((await refused(at, { options: 'endpoint=ep-a', user: 'other' }))['M']).toContain('at endpoint "ep-a"');
    expect((await refused(at, { options: 'endpoint=ep-b' }))['M']).toContain('of user "postgres"');
    expect((await at.snapshot()).log.filter(({ code }) => code === 'client_refused')).toHaveLength(2);
  });

  it('hold for clients that come from now on', async () => {
    const at = await yardWith({});
    await start(at);
    await at.switchyard.applySettings({ limits: { clients: 1 } });
    expect((await refused(at))['C']).toBe('53300');
    await at.switchyard.applySettings({ limits: { clients: 2 } });
    await start(at);
  });

  it('are given back by clients that fail, at any stage', async () => {
    const at = await yardWith({ limits: { clients: 1, clientsPerUser: 1 } });
    for (let round = 0; round < 5; round++) {
      expect((await refused(at, { database: 'nowhere' }))['C']).toBe('3D000');
      const vanishing = await open(at);
      vanishing.write(startup({ user: 'postgres', database: 'postgres' }));
      vanishing.destroy();
      await expect.poll(async () => (await at.sessions()).length).toBe(0);
    }
    await expect.poll(async () => (await refused(at, { database: 'nowhere' }))['C']).toBe('3D000');
    await start(at);
  });
});

describe('the time for a login', () => {
  it.each<[string, Buffer]>([
    ['silence', Buffer.alloc(0)],
    ['half a packet', Buffer.from([0, 0, 1])],
    ['an encryption request and nothing more', packet(int32(80_877_104))],
  ])('ends %s', async (_what, bytes) => {
    const at = await yardWith({ times: { login: 1 } });
    const client = await open(at);
    if (bytes.length > 0) client.write(bytes);
    if (bytes.length === 8) expect((await client.bytes(1)).toString()).toBe('N');
    expect(await lastWords(client)).toMatchObject({ S: 'FATAL', C: '57014', M: 'canceling authentication due to timeout' });
  });

  it('covers the password', async () => {
    const at = await yardWith({ times: { login: 1 }, authentication: { method: 'scram-sha-256' } });
    const client = await open(at);
    client.write(startup({ user: 'postgres', database: 'postgres' }));
    expect(await client.next()).toMatchObject({ type: 'R' });
    expect(await lastWords(client)).toMatchObject({ C: '57014', M: 'canceling authentication due to timeout' });
  });

  it('covers the wait for a server connection, and leaves the queue', async () => {
    const at = await yardWith({ times: { login: 1 } }, 1);
    const holder = await start(at);
    expect(await refused(at)).toMatchObject({ C: '57014' });
    expect((await at.snapshot()).pools[0]?.waiting).toBe(0);
    expect(rows(await holder.query('select 1'))).toEqual([['1']]);
  });

  it('does not end who is in', async () => {
    const at = await yardWith({ times: { login: 1 } });
    const client = await start(at);
    await new Promise((resolve) => setTimeout(resolve, 1_800));
    expect(rows(await client.query('select 1'))).toEqual([['1']]);
  });
});

describe('idle sessions', () => {
  it('are closed with PostgreSQL’s words; their server connection stays', async () => {
    const at = await yardWith({ times: { idleClient: 1 } });
    const client = await start(at);
    expect(await lastWords(client)).toMatchObject({ S: 'FATAL', C: '57P05', M: 'terminating connection due to idle-session timeout' });
    await expect.poll(async () => (await at.snapshot()).pools[0]).toMatchObject({ active: 0, idle: 1 });
  });

  it('in a transaction are closed after a time of their own, and rolled back', async () => {
    const at = await yardWith({ times: { idleInTransaction: 1 } });
    const direct = (await WireClient.start(cluster().port)).client;
    onTestFinished(() => direct.destroy());
    await direct.query('create table limits_t (i int)');
    const client = await start(at);
    const patient = await start(at);
    await client.query('begin');
    await client.query('insert into limits_t values (1)');
    expect(await lastWords(client)).toMatchObject({ C: '25P03', M: 'terminating connection due to idle-in-transaction timeout' });
    await expect
      .poll(async () =>
        rows(await direct.query("select count(*) from pg_locks where relation = 'limits_t'::regclass and mode = 'RowExclusiveLock'")),
      )
      .toEqual([['0']]);
    expect(rows(await direct.query('select count(*) from limits_t'))).toEqual([['0']]);
    expect(rows(await patient.query('select 1'))).toEqual([['1']]);
    const failed = await start(at);
    await failed.query('begin');
    await failed.query('nonsense');
    expect(await lastWords(failed)).toMatchObject({ C: '25P03' });
  });

  it('are measured from the last answer: a long statement, an open pipeline and a COPY are not idle', async () => {
    const at = await yardWith({ times: { idleClient: 1, idleInTransaction: 1 } });
    const [sleeper, pipeline, copy] = await Promise.all([start(at), start(at), start(at)]);
    await sleeper.query('begin');
    sleeper.write(query('select pg_sleep(2.5)'));
    pipeline.write(parse('', 'select 1'), bind('', ''), execute(''), flush);
    await pipeline.until('C');
    copy.write(query('create temp table c (i int); copy c from stdin'));
    await copy.until('G');
    const answers = await sleeper.until('Z');
    expect(answers.some(({ type }) => type === 'D')).toBe(true);
    pipeline.write(message('S'));
    copy.write(message('d', Buffer.from('1\n')), message('c'));
    for (const client of [pipeline, copy]) expect((await client.until('Z')).some(({ type }) => type === 'E')).toBe(false);
    // From here on all three are idle.
    expect(await lastWords(sleeper)).toMatchObject({ C: '25P03' });
    expect(await lastWords(copy)).toMatchObject({ C: '57P05' });
  });
});

describe('protocol 3.2', () => {
  const keyOf = (greeting: WireMessage[]): Buffer => greeting.find(({ type }) => type === 'K')?.body ?? expect.fail('no key');

  it.each<[number, number, number]>([
    [0, 4, 0],
    [1, 4, 0],
    [2, 32, 0],
    [3, 32, 1],
    [9_999, 32, 1],
  ])('a client that asks for 3.%i gets a key of %i bytes, and %i negotiation', async (minor, bytes, negotiations) => {
    const at = await yardWith({});
    const client = await open(at);
    client.write(startup({ user: 'postgres', database: 'postgres' }, minor));
    const greeting = await client.until('Z');
    expect(greeting.filter(({ type }) => type === 'v')).toHaveLength(negotiations);
    const key = keyOf(greeting);
    expect(key.length - 4).toBe(bytes);
    client.write(query('select pg_sleep(30)'));
    await expect.poll(async () => (await at.sessions())[0]?.state).toBe('active');
    for (const wrong of [key.subarray(0, key.length - 1), Buffer.concat([key, Buffer.from([0])]), key.subarray(0, 8)]) {
      if (wrong.length === key.length) continue;
      const sender = await open(at);
      sender.write(cancelRequest(wrong));
      await sender.closed();
    }
    const sender = await open(at);
    sender.write(cancelRequest(key));
    await sender.closed();
    expect(fields((await client.until('Z')).find(({ type }) => type === 'E') ?? expect.fail())['C']).toBe('57014');
  });

  it('libpq 19’s first words are answered once, with what is not understood', async () => {
    const at = await yardWith({});
    const client = await open(at);
    client.write(startup({ user: 'postgres', database: 'postgres', '_pq_.test_protocol_negotiation': '' }, 9_999));
    const greeting = await client.until('Z');
    expect(greeting[0]).toMatchObject({ type: 'v' });
    expect(greeting[0]?.body).toEqual(Buffer.concat([int32(196_610), int32(1), cstring('_pq_.test_protocol_negotiation')]));
    expect(greeting.filter(({ type }) => type === 'v')).toHaveLength(1);
  });
});

describe('a client that waits for a server connection', () => {
  it('knows its key, can cancel, and leaves the queue', async () => {
    const at = await yardWith({}, 1);
    const holder = await start(at);
    const queued = await open(at);
    queued.write(startup({ user: 'postgres', database: 'postgres' }));
    const key = (await queued.until('K')).at(-1)?.body ?? expect.fail();
    await expect.poll(async () => (await at.snapshot()).pools[0]?.waiting).toBe(1);
    const sender = await open(at);
    sender.write(cancelRequest(key));
    await sender.closed();
    expect(await lastWords(queued)).toMatchObject({ S: 'FATAL', C: '57014', M: 'canceling statement due to user request' });
    expect((await at.snapshot()).pools[0]).toMatchObject({ waiting: 0, active: 1 });
    expect(rows(await holder.query('select 1'))).toEqual([['1']]);
  });

  it('is served when it is its turn, its key said once', async () => {
    const at = await yardWith({}, 1);
    const holder = await start(at);
    const queued = await open(at);
    queued.write(startup({ user: 'postgres', database: 'postgres' }));
    const early = await queued.until('K');
    holder.write(terminate);
    const greeting = [...early, ...(await queued.until('Z'))];
    expect(greeting.filter(({ type }) => type === 'K')).toHaveLength(1);
    expect(greeting.filter(({ type }) => type === 'R')).toHaveLength(1);
    expect(rows(await queued.query('select 1'))).toEqual([['1']]);
  });
});

describe('a hundred cancels at once', () => {
  it('cancel one statement, with few connections to the server, and nothing behind it', async () => {
    const at = await yardWith({}, 1);
    const client = await open(at);
    client.write(startup({ user: 'postgres', database: 'postgres' }));
    const key = (await client.until('Z')).find(({ type }) => type === 'K')?.body ?? expect.fail();
    client.write(query('select pg_sleep(30)'));
    await expect.poll(async () => (await at.sessions())[0]?.state).toBe('active');
    await Promise.all(
      Array.from({ length: 100 }, async () => {
        const sender = await open(at);
        sender.write(cancelRequest(key));
        await sender.closed();
      }),
    );
    expect(fields((await client.until('Z')).find(({ type }) => type === 'E') ?? expect.fail())['C']).toBe('57014');
    for (let i = 0; i < 20; i++) expect(rows(await client.query(`select ${i}, pg_sleep(0.01)`))).toEqual([[String(i), '']]);
  });
});

describe('trust', () => {
  it('is refused beyond loopback, before anything listens', () => {
    const make = (host: string, settings: SettingsInput): Switchyard =>
      new Switchyard({ version: '0', listen: { host, port: 0 }, settings });
    expect(() => make('0.0.0.0', {})).toThrow(/cannot be trusted on 0\.0\.0\.0/);
    expect(() => make('::', {})).toThrow(/cannot be trusted/);
    expect(() => make('0.0.0.0', { authentication: { method: 'scram-sha-256' } })).not.toThrow();
  });

  it('cannot be chosen while it listens there', async () => {
    const at = await startYard({
      endpoints: { 'ep-a': cluster().url() },
      options: { listen: { host: '0.0.0.0', port: 0 }, settings: { authentication: { method: 'scram-sha-256' } } },
    });
    onTestFinished(() => at.stop());
    await expect(at.switchyard.applySettings({})).rejects.toMatchObject({ code: 'trust_beyond_loopback' });
    expect(at.switchyard.settings().settings.authentication.method).toBe('scram-sha-256');
  });
});

describe('a port of its own', () => {
  const reach = async (port: number): Promise<string | null> => {
    const { client } = await WireClient.start(port);
    const name = rows(await client.query('select 1'))[0]?.[0] ?? null;
    client.destroy();
    return name;
  };

  it('is opened, moved and closed while everything runs; who is connected stays', async () => {
    const at = await yardWith({ listeners: [{ endpoint: 'ep-b', port: 0 }] });
    const [door] = at.switchyard.settings().listeners;
    expect(door).toMatchObject({ endpoint: 'ep-b', problem: null });
    const port = door?.port ?? 0;
    const { client } = await WireClient.start(port);
    onTestFinished(() => client.destroy());
    expect((await at.sessions())[0]).toMatchObject({ endpoint: 'ep-b', requestedEndpoint: 'ep-b', routedBy: 'listener' });
    // The same settings again change nothing; others close it.
    await at.switchyard.applySettings({ listeners: [{ endpoint: 'ep-b', port: 0 }] });
    expect(at.switchyard.settings().listeners[0]?.port).toBe(port);
    await at.switchyard.applySettings({});
    await expect(WireClient.open(port)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    expect(rows(await client.query('select 1'))).toEqual([['1']]);
    await at.switchyard.applySettings({ listeners: [{ endpoint: 'ep-a', port }] });
    expect(await reach(port)).toBe('1');
    expect(at.switchyard.settings().listeners).toEqual([{ endpoint: 'ep-a', port, problem: null }]);
  });

  it('that cannot be had is a problem in words; it goes and comes with its endpoint', async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', () => resolve()));
    onTestFinished(() => void taken.close());
    const { port } = taken.address() as { port: number };
    const at = await yardWith({
      listeners: [
        { endpoint: 'ep-a', port },
        { endpoint: 'ep-c', port: 0 },
      ],
    });
    expect(at.switchyard.settings().listeners).toEqual([
      { endpoint: 'ep-a', port, problem: `Port ${port} is taken.` },
      { endpoint: 'ep-c', port: 0, problem: 'There is no endpoint "ep-c".' },
    ]);
    await at.switchyard.handlers['endpoints.save']({ id: 'ep-c', url: cluster().url() });
    const second = (): { port: number; problem: string | null } => at.switchyard.settings().listeners[1] ?? expect.fail();
    await expect.poll(() => second().problem).toBeNull();
    const own = second().port;
    expect(await reach(own)).toBe('1');
    await expect.poll(async () => (await at.sessions()).length).toBe(0);
    await at.switchyard.removeEndpoint('ep-c');
    await expect.poll(() => second().problem).toBe('There is no endpoint "ep-c".');
    await expect(WireClient.open(own)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });

  it('belongs to its endpoint: another one named there is refused', async () => {
    const at = await yardWith({ listeners: [{ endpoint: 'ep-b', port: 0 }] });
    const client = await WireClient.open(at.switchyard.settings().listeners[0]?.port ?? 0);
    onTestFinished(() => client.destroy());
    client.write(startup({ user: 'postgres', database: 'postgres', options: 'endpoint=ep-a' }));
    expect(await lastWords(client)).toMatchObject({
      C: '08004',
      M: 'the options name endpoint "ep-a", this port belongs to endpoint "ep-b"',
    });
  });
});
