/** Sessions whose server connections are encrypted: data, cancel requests, losses, moves between servers with TLS and without. */
import { once } from 'node:events';
import net from 'node:net';
import pg from 'pg';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { PoolRow } from '../../core/contract/index.ts';
import { TestAuthority, useFolder, type Issued } from '../support/certificates.ts';
import { move } from '../support/migration.ts';
import { startLookout } from '../support/tls-relay.ts';
import { useTlsCluster } from '../support/tls-cluster.ts';
import { cancelRequest, cstring, fields, message, rows as wireRows, startup, WireClient } from '../support/wire-client.ts';
import { startYard, useYard } from '../support/yard.ts';

const folder = useFolder();
let authority: TestAuthority;
let certificate: Issued;

beforeAll(async () => {
  authority = await TestAuthority.make('Test authority');
  certificate = await authority.issue({ name: 'localhost', alternatives: ['localhost', '127.0.0.1'] });
  await folder.write('root.pem', authority.certificate);
  const client = await authority.issue({ name: 'mover' });
  await folder.write('mover.crt', client.certificate);
  await folder.write('mover.key', client.key);
});

const secure = useTlsCluster(() => ({ server: certificate, hba: ['hostssl all mover 127.0.0.1/32 trust'] }));
const mutual = useTlsCluster(() => ({
  server: certificate,
  clientAuthority: authority.certificate,
  hba: ['hostssl all mover 127.0.0.1/32 cert'],
}));
const plain = useTlsCluster(() => ({ server: null, hba: ['hostnossl all mover 127.0.0.1/32 trust'] }));

beforeAll(async () => {
  for (const server of [secure, mutual, plain]) {
    const admin = new pg.Client({ connectionString: server().url() });
    await admin.connect();
    await admin.query(`CREATE ROLE mover LOGIN; CREATE TABLE heap (line text); GRANT ALL ON heap TO mover;
      CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.02); RETURN NEW; END';
      CREATE TRIGGER slow BEFORE INSERT ON heap FOR EACH ROW EXECUTE FUNCTION slow()`);
    await admin.end();
  }
});

const verified = (): string => `sslmode=verify-full&sslrootcert=${folder.path('root.pem')}`;
const at = (port: number, query = ''): string => `postgresql://mover@127.0.0.1:${port}/postgres?${query}`;

const yard = useYard(() => ({
  endpoints: {
    secure: at(secure().port, verified()),
    mutual: at(mutual().port, `${verified()}&sslcert=${folder.path('mover.crt')}&sslkey=${folder.path('mover.key')}`),
    plain: at(plain().port, 'sslmode=disable'),
  },
}));

async function client(endpoint: string, port = yard().port): Promise<pg.Client> {
  const made = new pg.Client({ host: '127.0.0.1', port, user: 'mover', database: `${endpoint}/postgres` });
  // Told by the next query, or waited for by the test.
  made.on('error', () => {});
  await made.connect();
  onTestFinished(() => made.end().catch(() => {}));
  return made;
}

/** What the server itself says of the connection. */
async function encryption(session: pg.Client): Promise<unknown> {
  const { rows } = await session.query('SELECT ssl, client_dn FROM pg_stat_ssl WHERE pid = pg_backend_pid()');
  return rows[0];
}

async function securePool(): Promise<PoolRow | undefined> {
  return (await yard().snapshot()).pools.find(({ backend }) => backend === `127.0.0.1:${secure().port}`);
}

/** No server connection is in use any more. */
async function everythingIdle(): Promise<void> {
  const idle = async (): Promise<boolean> => (await yard().snapshot()).pools.every(({ active, resetting }) => active + resetting === 0);
  await expect.poll(idle, { timeout: 10_000 }).toBe(true);
}

describe('a session on a server with TLS', () => {
  it('is encrypted, and the console and the test of the endpoint say so', async () => {
    const session = await client('mutual');
    expect(await encryption(session)).toEqual({ ssl: true, client_dn: '/CN=mover' });
    const operator = await yard().consoleClient();
    const { rows } = await operator.query<{ backend: string; tls: string | null }>('SHOW SERVERS');
    await operator.end();
    expect(rows.find(({ backend }) => backend === `127.0.0.1:${mutual().port}`)?.tls).toMatch(/^TLSv1\.3\/TLS_AES_/);
    const { handlers } = yard().switchyard;
    const test = async (url: string): Promise<string> => (await handlers['endpoints.test']({ url })).message;
    expect(await test(at(secure().port, verified()))).toMatch(
      /, over TLSv1\.3 \(TLS_AES_\w+\); the certificate and its name were checked\.$/,
    );
    expect(await test(at(secure().port, 'sslmode=require'))).toMatch(/; the certificate was not checked\.$/);
    expect(await test(at(plain().port))).toMatch(/, without TLS\.$/);
    expect(await handlers['endpoints.test']({ url: at(plain().port, 'sslmode=require') })).toMatchObject({
      ok: false,
      message: expect.stringContaining('has no TLS') as string,
      hint: expect.stringContaining('ssl = on') as string,
    });
  });

  it('keeps what an endpoint says about encryption, and a change of it opens other connections', async () => {
    const { handlers } = yard().switchyard;
    const url = `postgresql://mover@127.0.0.1:${secure().port}/postgres`;
    const pids: unknown[] = [];
    for (const query of ['?sslmode=require', `?sslmode=verify-ca&sslrootcert=${folder.path('root.pem')}`, '?sslmode=require']) {
      await handlers['endpoints.save']({ id: 'changing', url: url + query });
      const { endpoints } = await yard().snapshot();
      expect(endpoints.find(({ id }) => id === 'changing')?.url).toBe(url + query);
      const session = await client('changing');
      pids.push((await session.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')).rows[0]?.pid);
      await session.end();
      await everythingIdle();
    }
    // The third may have the first one's again: it was opened the same way.
    expect(new Set(pids).size).toBe(2);
    expect(pids[2]).toBe(pids[0]);
    await handlers['endpoints.remove']({ id: 'changing' });
  });

  it('is cancelled over TLS: the key of the server is never seen in clear', async () => {
    const lookout = await startLookout(secure().port);
    onTestFinished(() => lookout.close());
    const behind = await startYard({ endpoints: { watched: at(lookout.port, verified()) } });
    onTestFinished(() => behind.stop());
    const { client: session, greeting } = await WireClient.start(behind.port, { user: 'mover', database: 'watched/postgres' });
    onTestFinished(() => session.destroy());
    const before = lookout.openings.length;
    session.write(message('Q', cstring('SELECT pg_sleep(120)')));
    await expect.poll(async () => (await behind.sessions())[0]?.state, { timeout: 10_000 }).toBe('active');
    const canceller = await WireClient.open(behind.port);
    canceller.write(cancelRequest(greeting.find(({ type }) => type === 'K')?.body ?? expect.fail('no key')));
    const answer = await session.until('Z');
    expect(fields(answer.find(({ type }) => type === 'E') ?? expect.fail('not cancelled'))['C']).toBe('57014');
    canceller.destroy();
    expect(lookout.openings.slice(before)).toEqual([SSL_REQUEST]);
    expect(new Set(lookout.openings)).toEqual(new Set([SSL_REQUEST]));
  });

  it('gets every byte, however slowly its client reads, and gives every byte, however slowly the server takes it', async () => {
    const socket = net.connect(yard().port, '127.0.0.1');
    onTestFinished(() => void socket.destroy());
    const rows = 60_000;
    socket.write(startup({ user: 'mover', database: 'secure/postgres' }));
    socket.write(message('Q', cstring(`SELECT lpad(n::text, 1000, '.') FROM generate_series(1, ${rows}) AS n`)));
    let received = 0;
    let reads = 0;
    let tail = Buffer.alloc(0);
    let copied: (() => void) | null = null;
    const over = new Promise<void>((resolve) => (copied = resolve));
    socket.on('data', (chunk: Buffer) => {
      received += chunk.length;
      tail = Buffer.concat([tail, chunk]).subarray(-64);
      if (tail.includes(`SELECT ${rows}\0Z`)) copied?.();
      if (++reads % 20 !== 0) return;
      socket.pause();
      setTimeout(() => socket.resume(), 1);
    });
    await over;
    expect(received).toBeGreaterThan(rows * 1_000);

    // The table takes 50 lines a second, so that what the client sends piles up.
    const { client: writer } = await WireClient.start(yard().port, { user: 'mover', database: 'secure/postgres' });
    onTestFinished(() => writer.destroy());
    writer.write(message('Q', cstring('COPY heap FROM STDIN')));
    await writer.until('G');
    const line = Buffer.concat([Buffer.alloc(999_999, 'y'), Buffer.from('\n')]);
    for (let n = 0; n < 40; n++) writer.write(message('d', line));
    writer.write(message('c'));
    await writer.until('Z');
    expect(wireRows(await writer.query('SELECT count(*), sum(length(line)) FROM heap'))).toEqual([['40', String(40 * 999_999)]]);
  }, 60_000);

  it('answers a client that sent its query and closed its half, and keeps the server connection for the next', async () => {
    const { client: session } = await WireClient.start(yard().port, { user: 'mover', database: 'secure/postgres' });
    onTestFinished(() => session.destroy());
    session.write(message('Q', cstring("SELECT 'late', pg_backend_pid(), pg_sleep(0.2)")));
    const logged = secure().log().length;
    session.halfClose();
    const [answer] = wireRows(await session.until('Z'));
    expect(answer?.[0]).toBe('late');
    await session.closed();
    await everythingIdle();
    const { client: next } = await WireClient.start(yard().port, { user: 'mover', database: 'secure/postgres' });
    onTestFinished(() => next.destroy());
    expect(wireRows(await next.query('SELECT pg_backend_pid()'))).toEqual([[answer?.[1]]]);
    expect(secure().log().slice(logged)).not.toMatch(/Connection reset|Broken pipe|unexpected EOF|SSL error/i);
  });

  it('is not given a server connection that the server has ended meanwhile', async () => {
    const session = await client('secure');
    await session.end();
    await everythingIdle();
    expect((await securePool())?.idle).toBeGreaterThan(0);
    const admin = new pg.Client({ connectionString: secure().url() });
    await admin.connect();
    await admin.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'mover'");
    await admin.end();
    await expect.poll(async () => (await securePool())?.idle, { timeout: 10_000 }).toBe(0);
    expect(await encryption(await client('secure'))).toMatchObject({ ssl: true });
  });

  it('tells its client when the server is stopped, and when it crashes; one at rest works again after', async () => {
    for (const end of ['down', 'kill'] as const) {
      const [session, resting] = [await client('secure'), await client('secure')];
      await session.query('BEGIN');
      const lost = once(session, 'error');
      await (end === 'down' ? secure().down('fast') : secure().kill());
      expect(await lost).toMatchObject([{ code: '57P01' }]);
      await secure().up();
      // That nobody listens is told at once for a second, without asking again.
      const welcome = (): Promise<unknown> => client('secure').then(encryption, () => null);
      await expect.poll(welcome).toMatchObject({ ssl: true });
      expect(await encryption(resting)).toMatchObject({ ssl: true });
    }
  }, 60_000);
});

describe('a move between servers with TLS and without', () => {
  it('goes to and fro while clients ask, and every answer is the right one', async () => {
    const sessions = await Promise.all(Array.from({ length: 6 }, () => client('plain')));
    let asking = true;
    let asked = 0;
    const work = sessions.map(async (session, index) => {
      await session.query(`SET app.number = '${index}'`);
      for (let n = 0; asking; n++, asked++) {
        const { rows } = await session.query<{ v: number; who: string }>({
          name: 'question',
          text: "SELECT $1::int AS v, current_setting('app.number') AS who",
          values: [n],
        });
        if (rows[0]?.v !== n || rows[0].who !== String(index)) throw new Error(`question ${n} was answered ${JSON.stringify(rows)}`);
      }
    });
    const failed = Promise.all(work);
    failed.catch(() => {});
    const route = ['secure', 'mutual', 'plain', 'mutual', 'secure', 'plain', 'secure'];
    for (const to of route) {
      const moves = await Promise.all(sessions.map((session) => move(yard(), session, to, 30)));
      expect(moves.map(({ outcome, reason }) => [outcome, reason])).toEqual(sessions.map(() => ['success', null]));
    }
    asking = false;
    await failed;
    expect(asked).toBeGreaterThan(100);
    for (const session of sessions) expect(await encryption(session)).toEqual({ ssl: true, client_dn: null });
  }, 90_000);

  it('is refused, with the reason, where the target’s TLS is not what the endpoint asks for; nobody notices', async () => {
    const { handlers } = yard().switchyard;
    await folder.write('stranger.pem', (await TestAuthority.make('Stranger')).certificate);
    const target = `postgresql://mover@127.0.0.1:${secure().port}/postgres`;
    const session = await client('plain');
    for (const [query, reason] of [
      [`?sslmode=verify-ca&sslrootcert=${folder.path('stranger.pem')}`, /comes from an authority that is not in/],
      [`?sslmode=verify-ca&sslrootcert=${folder.path('missing.pem')}`, /missing\.pem" does not exist/],
      ['?sslmode=disable', /no pg_hba\.conf entry .*no encryption/],
    ] as const) {
      await handlers['endpoints.save']({ id: 'wrong', url: target + query });
      const { outcome, reason: given } = await move(yard(), session, 'wrong');
      expect(outcome).toBe('refused');
      expect(given).toMatch(reason);
      expect(await encryption(session)).toMatchObject({ ssl: false });
    }
    await handlers['endpoints.remove']({ id: 'wrong' });
  });
});

const SSL_REQUEST = 80_877_103;
