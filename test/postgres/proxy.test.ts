import { connect } from 'node:net';
import pg from 'pg';
import { describe, expect, it, onTestFinished } from 'vitest';
import { useCluster } from '../support/cluster.ts';
import { useYard, startYard } from '../support/yard.ts';
import {
  bind,
  cstring,
  execute,
  fields,
  flush,
  gssEncRequest,
  int32,
  message,
  packet,
  parse,
  rows,
  sslRequest,
  startup,
  sync,
  terminate,
  WireClient,
  type WireMessage,
} from '../support/wire-client.ts';

const cluster = useCluster();
const yard = useYard(() => ({ endpoints: { 'ep-a': cluster().url() }, options: { settings: { unknownEndpoint: 'refuse' } } }));
const loose = useYard(() => ({ endpoints: { 'ep-a': cluster().url() }, options: { settings: { unknownEndpoint: 'default' } } }));

const query = (sql: string): Buffer => message('Q', cstring(sql));
const letters = (answers: WireMessage[]): string => answers.map(({ type }) => type).join('');
const value = (answers: WireMessage[]): string | null | undefined => rows(answers)[0]?.[0];

async function open(port = yard().port): Promise<WireClient> {
  const client = await WireClient.open(port);
  onTestFinished(() => client.destroy());
  return client;
}

async function start(parameters: Record<string, string> = {}, port = yard().port): Promise<WireClient> {
  const { client } = await WireClient.start(port, parameters);
  onTestFinished(() => client.destroy());
  return client;
}

/** The FATAL error a startup packet brings. */
async function refused(bytes: Buffer, port = yard().port): Promise<Record<string, string>> {
  const client = await open(port);
  client.write(bytes);
  const answer = fields((await client.until('E')).at(-1) ?? expect.fail());
  await client.closed();
  expect(answer['S']).toBe('FATAL');
  return answer;
}

async function onServer(sql: string): Promise<string[]> {
  const client = new pg.Client(cluster().url());
  await client.connect();
  try {
    return (await client.query<[string]>({ text: sql, rowMode: 'array' })).rows.map(([first]) => String(first));
  } finally {
    await client.end();
  }
}

describe('sessions in a row', () => {
  it('share one server connection, which no FIN or Terminate of theirs reaches', async () => {
    const pids: number[] = [];
    for (let i = 0; i < 5; i++) {
      const client = new pg.Client({ connectionString: yard().connectionString('ep-a'), application_name: 'in-a-row' });
      await client.connect();
      pids.push((await client.query<{ pid: number }>('select pg_backend_pid() as pid')).rows[0]?.pid ?? 0);
      await client.end();
    }
    expect(new Set(pids).size).toBe(1);
    expect(await onServer("select pid from pg_stat_activity where application_name = 'in-a-row'")).toEqual([String(pids[0])]);
  });

  it('share it also when they close without Terminate, or half-close behind their query', async () => {
    const pids: (string | null | undefined)[] = [];
    for (let i = 0; i < 4; i++) {
      const client = await start({ application_name: 'half' });
      client.write(query('select pg_backend_pid()'));
      if (i % 2 === 0) client.halfClose();
      pids.push(value(await client.until('Z')));
      if (i % 2 === 1) client.destroy();
      else await client.closed();
      await expect.poll(async () => (await yard().sessions()).length).toBe(0);
    }
    expect(new Set(pids).size).toBe(1);
  });
});

describe('a client that closes its half', () => {
  it('gets its answer, simple and extended', async () => {
    for (const bytes of [
      query("select 'whole', pg_sleep(0.1)"),
      Buffer.concat([parse('', "select 'whole', pg_sleep(0.1)"), bind('', ''), execute(''), sync]),
    ]) {
      const client = await start();
      client.write(bytes);
      client.halfClose();
      expect(value(await client.until('Z'))).toBe('whole');
      await client.closed();
    }
  });

  it('gets a large answer whole, however slowly it reads', async () => {
    const client = await start();
    client.socket.removeAllListeners('data');
    client.write(query("select repeat('x', 20000000)"));
    client.halfClose();
    client.socket.pause();
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    let received = 0;
    client.socket.on('data', (chunk: Buffer) => (received += chunk.length));
    client.socket.resume();
    await client.closed();
    expect(received).toBeGreaterThan(20_000_000);
  });

  it('in a transaction loses it; the server connection is rolled back and serves the next', async () => {
    const table = `t${Date.now()}`;
    await onServer(`create table ${table} (i int)`);
    const client = await start();
    const pid = value(await client.query('select pg_backend_pid()'));
    await client.query(`begin; insert into ${table} values (1)`);
    client.halfClose();
    await client.closed();
    await expect.poll(() => onServer(`select state from pg_stat_activity where pid = ${pid}`)).toEqual(['idle']);
    expect(await onServer(`select count(*) from ${table}`)).toEqual(['0']);
    const next = await start();
    expect(value(await next.query('select pg_backend_pid()'))).toBe(pid);
  });
});

it('a client that vanishes has its statement cancelled within a second', async () => {
  for (const bytes of [query('select pg_sleep(77)'), Buffer.concat([parse('', 'select pg_sleep(77)'), bind('', ''), execute(''), flush])]) {
    const client = await start();
    client.write(bytes);
    await expect
      .poll(() => onServer("select count(*) from pg_stat_activity where query like 'select pg_sleep(77)%' and state = 'active'"))
      .toEqual(['1']);
    client.socket.resetAndDestroy();
    await expect
      .poll(() => onServer("select count(*) from pg_stat_activity where query like 'select pg_sleep(77)%' and state = 'active'"), {
        timeout: 1_000,
      })
      .toEqual(['0']);
  }
});

describe('the opening', () => {
  it('answers encryption requests with N, in either order, each once', async () => {
    for (const order of [[sslRequest, gssEncRequest], [gssEncRequest, sslRequest], [sslRequest], [gssEncRequest]]) {
      const client = await open();
      for (const request of order) {
        client.write(request);
        expect((await client.bytes(1)).toString()).toBe('N');
      }
      client.write(startup({ user: 'postgres', database: 'postgres' }));
      expect((await client.until('Z')).at(0)?.type).toBe('R');
    }
    for (const request of [sslRequest, gssEncRequest]) {
      const client = await open();
      client.write(request);
      await client.bytes(1);
      client.write(request);
      expect(fields(await client.next())['C']).toBe('08P01');
      await client.closed();
    }
  });

  it('refuses what was sent ahead of the answer to an encryption request', async () => {
    expect(await refused(Buffer.concat([sslRequest, startup({ user: 'postgres' })]))).toMatchObject({ C: '08P01' });
  });

  it('works split at every byte', async () => {
    const bytes = startup({ user: 'postgres', database: 'postgres' });
    const client = await open();
    client.socket.setNoDelay(true);
    for (const byte of bytes) {
      client.write(Buffer.from([byte]));
      await new Promise(setImmediate);
    }
    expect((await client.until('Z')).at(0)?.type).toBe('R');
  });

  it('negotiates the protocol version and options as the server would, and once', async () => {
    const packets = [
      packet(int32((3 << 16) | 9999), cstring('user'), cstring('postgres'), cstring('database'), cstring('postgres'), Buffer.from([0])),
      packet(
        int32((3 << 16) | 2),
        cstring('user'),
        cstring('postgres'),
        cstring('_pq_.one'),
        cstring('1'),
        cstring('database'),
        cstring('postgres'),
        cstring('_pq_.two'),
        cstring('x'),
        Buffer.from([0]),
      ),
      packet(
        int32(3 << 16),
        cstring('user'),
        cstring('postgres'),
        cstring('database'),
        cstring('postgres'),
        cstring('_pq_.one'),
        cstring('1'),
        Buffer.from([0]),
      ),
    ];
    for (const bytes of packets) {
      const client = await open();
      client.write(bytes);
      const greeting = await client.until('Z');
      expect(greeting[0]?.type).toBe('v');
      expect(greeting.filter(({ type }) => type === 'v').length).toBe(1);
      // The whole version, not the minor number alone: what was asked for, at most 3.2.
      expect(greeting[0]?.body.readInt32BE(0)).toBe(Math.min(bytes.readInt32BE(4), (3 << 16) + 2));
      expect(value(await client.query('select 1'))).toBe('1');
      const direct = await open(cluster().port);
      direct.write(bytes);
      const theirs = await direct.until('Z');
      if (theirs[0]?.type === 'v') expect(greeting[0]?.body).toEqual(theirs[0].body);
    }
    expect((await refused(packet(int32(2 << 16), cstring('user'), cstring('x'), Buffer.from([0]))))['C']).toBe('08P01');
  });

  it('takes a startup packet as long as the server takes it, and none longer', async () => {
    const ofLength = (length: number): Buffer => {
      const parameters = { user: 'postgres', database: 'postgres', 'my.padding': '' };
      const padding = 'x'.repeat(length - startup(parameters).length);
      return startup({ ...parameters, 'my.padding': padding });
    };
    for (const port of [cluster().port, yard().port]) {
      const client = await open(port);
      client.write(ofLength(10_004));
      expect((await client.until('Z')).at(-1)?.body).toEqual(Buffer.from('I'));
      const other = await open(port);
      other.write(ofLength(10_005));
      await other.closed();
    }
  });

  it('refuses rubbish politely and lives', async () => {
    const rubbish: Buffer[] = [
      Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'),
      Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03]),
      int32(0),
      int32(7),
      int32(10_005),
      Buffer.from([0xff, 0xff, 0xff, 0xff]),
      packet(int32(196_608), cstring('user'), Buffer.from('no end')),
      packet(int32(80_877_103), int32(0)),
      packet(int32(80_877_102)),
      packet(int32(0)),
    ];
    for (const bytes of rubbish) expect(await refused(bytes)).toMatchObject({ C: '08P01' });
    expect(await refused(startup({ database: 'postgres' }))).toMatchObject({ C: '28000' });
    const silent = connect(yard().port, yard().host);
    silent.destroy();
    expect(value(await (await start()).query('select 1'))).toBe('1');
  });
});

describe('routing', () => {
  it('finds the endpoint in the options, in the database, or takes the default', async () => {
    for (const parameters of [
      {},
      { options: 'endpoint=ep-a' },
      { options: '-c endpoint=ep-a' },
      { options: '-cendpoint=ep-a' },
      { options: '--endpoint=ep-a' },
      { database: 'ep-a/postgres' },
      { database: 'ep-a/' },
      { database: 'ep-a/postgres', options: 'endpoint=ep-a' },
    ]) {
      expect(value(await (await start(parameters)).query('select current_database()'))).toBe('postgres');
    }
    const nameless = await open();
    nameless.write(startup({ user: 'postgres' }));
    await nameless.until('Z');
  });

  it('refuses an unknown endpoint by name, or falls through to the default, by setting', async () => {
    for (const parameters of [{ options: 'endpoint=ep-x' }, { database: 'ep-x/postgres' }]) {
      const bytes = startup({ user: 'postgres', ...parameters });
      const answer = await refused(bytes);
      expect(answer['C']).toBe('3D000');
      expect(answer['M']).toContain('"ep-x"');
      expect(answer['H']).toContain('ep-a');
      const client = await start(parameters, loose().port);
      expect(value(await client.query('select current_database()'))).toBe('postgres');
      expect((await loose().sessions()).find(({ requestedEndpoint }) => requestedEndpoint === 'ep-x')).toMatchObject({
        endpoint: 'ep-a',
        routedBy: 'fallback',
      });
      client.destroy();
      await expect.poll(async () => (await loose().sessions()).length).toBe(0);
    }
  });

  it('refuses two names that differ', async () => {
    expect((await refused(startup({ user: 'postgres', options: 'endpoint=ep-a --endpoint=ep-b' })))['C']).toBe('08004');
  });

  it('tells a missing database and an unreachable server as what they are', async () => {
    expect(await refused(startup({ user: 'postgres', database: 'nowhere' }))).toMatchObject({
      C: '3D000',
      M: 'database "nowhere" does not exist',
    });
    const dead = await startYard({ endpoints: { dead: 'postgresql://postgres@127.0.0.1:1/x' } });
    try {
      const answer = await refused(startup({ user: 'postgres' }), dead.port);
      expect(answer['C']).toBe('08001');
      expect(answer['M']).toContain('127.0.0.1:1');
      expect(answer['H']).toBeTruthy();
    } finally {
      await dead.stop();
    }
  });

  it('passes the client’s own startup parameters on, escapes and all', async () => {
    const client = await start({
      application_name: 'mine',
      TimeZone: 'Asia/Tokyo',
      'a.b': 'custom',
      options: 'endpoint=ep-a -c work_mem=5MB -c my.text=a\\ b,\\\\c --statement_timeout=12345',
    });
    const answers = await client.query(
      "select current_setting('application_name'), current_setting('TimeZone'), current_setting('a.b'), current_setting('work_mem'), current_setting('my.text'), current_setting('statement_timeout')",
    );
    expect(rows(answers)).toEqual([['mine', 'Asia/Tokyo', 'custom', '5MB', 'a b,\\c', '12345ms']]);
  });

  it('greets like the server, but for its key', async () => {
    const parameters = { user: 'postgres', database: 'postgres', application_name: 'x', TimeZone: 'UTC' };
    const { client, greeting } = await WireClient.start(yard().port, parameters);
    const { client: direct, greeting: truth } = await WireClient.start(cluster().port, parameters);
    const comparable = (all: WireMessage[]): string[] =>
      all
        .filter(({ type }) => type !== 'K')
        .map(({ type, body }) => `${type}${body.toString('latin1')}`)
        .sort();
    expect(comparable(greeting)).toEqual(comparable(truth));
    client.destroy();
    direct.destroy();
  });
});

describe('framing', () => {
  it('forwards a conversation cut at every byte, and one sent at once', async () => {
    const bytes = Buffer.concat([
      query('select 1'),
      parse('', 'select $1::text'),
      bind('', '', ['two']),
      execute(''),
      sync,
      query("select 'three'"),
      terminate,
    ]);
    for (const cut of [true, false]) {
      const client = await start();
      if (cut) {
        client.socket.setNoDelay(true);
        for (const byte of bytes) {
          client.write(Buffer.from([byte]));
          await new Promise(setImmediate);
        }
      } else {
        client.write(bytes);
      }
      expect(letters([...(await client.until('Z')), ...(await client.until('Z')), ...(await client.until('Z'))])).toBe('TDCZ12DCZTDCZ');
      await client.closed();
    }
  });

  it('ends a session that breaks the protocol, and no other', async () => {
    const other = await start();
    for (const bytes of [
      Buffer.from('?\0\0\0\x04'),
      Buffer.from('Q\0\0\0\x03'),
      Buffer.from('Q\x7f\xff\xff\xff'),
      Buffer.from('p\0\0\0\x04'),
    ]) {
      const client = await start();
      client.write(bytes);
      expect(fields((await client.until('E')).at(-1) ?? expect.fail())).toMatchObject({ S: 'FATAL', C: '08P01' });
      await client.closed();
    }
    expect(value(await other.query('select 1'))).toBe('1');
  });

  it('survives a Bind that cannot be read while it is being looked into', async () => {
    const client = await start();
    client.write(parse('s', "select set_config($1, 'x', false)"), sync);
    await client.until('Z');
    client.write(message('B', cstring(''), cstring('s')), sync);
    expect(letters(await client.until('Z'))).toBe('EZ');
    client.write(message('B', cstring(''), cstring('s'), Buffer.from([0xff, 0xff])), sync);
    expect(letters(await client.until('Z'))).toBe('EZ');
    expect(value(await client.query('select 1'))).toBe('1');
  });
});
