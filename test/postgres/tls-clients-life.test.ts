/** What becomes of encrypted clients: other certificates, half-closed and cut connections, slow readers, moves, the proxy's end. */
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { TLSSocket } from 'node:tls';
import pg from 'pg';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { SettingsInput } from '../../core/contract/index.ts';
import { encrypting, useClientTls } from '../support/client-tls.ts';
import { useCluster } from '../support/cluster.ts';
import { move } from '../support/migration.ts';
import { startYard, useYard, type Yard } from '../support/yard.ts';
import {
  cancelRequest,
  cstring,
  fields,
  message,
  rows,
  sslRequest,
  startup,
  terminate,
  WireClient,
  type WireMessage,
} from '../support/wire-client.ts';

/** A loaded machine takes its time. */
const PATIENT = { timeout: 20_000 };

const a = useCluster({ name: 'a' });
const b = useCluster({ name: 'b' });
const files = useClientTls();
const yard = useYard(() => ({
  endpoints: { 'ep-a': a().url(), 'ep-b': b().url() },
  options: { settings: encrypting('allow', files) },
}));
const query = (sql: string): Buffer => message('Q', cstring(sql));

async function guarded(settings: SettingsInput): Promise<Yard> {
  const started = await startYard({ endpoints: { 'ep-a': a().url() }, options: { settings } });
  onTestFinished(() => started.stop());
  return started;
}

/** A client that is logged in over TLS. */
async function start(at: Yard = yard(), parameters: Record<string, string> = {}): Promise<{ client: WireClient; greeting: WireMessage[] }> {
  const client = await WireClient.encrypted(at.port);
  onTestFinished(() => client.destroy());
  client.write(startup({ user: 'postgres', database: 'postgres', ...parameters }));
  return { client, greeting: await client.until('Z') };
}

const keyOf = (greeting: WireMessage[]): Buffer => greeting.find(({ type }) => type === 'K')?.body ?? expect.fail('no key');
const one = async (client: WireClient): Promise<void> => expect(rows(await client.query('select 1'))).toEqual([['1']]);
const sessionsOf = async (application: string, at: Yard = yard()): Promise<number> =>
  (await at.sessions()).filter((row) => row.application === application).length;

describe('another certificate', () => {
  const fingerprint = (client: WireClient): string | undefined => (client.socket as TLSSocket).getPeerX509Certificate()?.fingerprint256;
  const inFile = (file: string): string => new X509Certificate(readFileSync(file)).fingerprint256;

  it('is shown to those who come from then on; those who are there go on', async () => {
    const at = await guarded(encrypting('allow', files));
    const { client: before } = await start(at);
    await at.switchyard.applySettings(encrypting('require', files.other));
    const { client: after } = await start(at);
    expect(fingerprint(before)).toBe(inFile(files.certificateFile));
    expect(fingerprint(after)).toBe(inFile(files.other.certificateFile));

    await at.switchyard.applySettings({});
    const plain = await WireClient.start(at.port);
    onTestFinished(() => plain.client.destroy());
    await expect(start(at)).rejects.toThrow('the SSLRequest was answered N');
    for (const client of [before, after, plain.client]) await one(client);
    expect((await at.sessions()).map(({ tls }) => tls)).toEqual(['TLSv1.3', 'TLSv1.3', null]);
  });

  it('in the same files is read again when settings are applied', async () => {
    const copy = {
      certificateFile: await files.write('renewed.pem', readFileSync(files.certificateFile, 'utf8')),
      keyFile: await files.write('renewed.key', readFileSync(files.keyFile, 'utf8')),
    };
    const at = await guarded(encrypting('allow', copy));
    const { client } = await start(at);
    await files.write('renewed.pem', readFileSync(files.other.certificateFile, 'utf8'));
    await files.write('renewed.key', readFileSync(files.other.keyFile, 'utf8'));
    await at.switchyard.applySettings(encrypting('allow', copy));
    expect(fingerprint((await start(at)).client)).toBe(inFile(files.other.certificateFile));
    await one(client);
  });

  it('that cannot be used leaves the one before in its place, and that is told', async () => {
    const at = await guarded(encrypting('allow', files));
    const broken = { certificateFile: files.certificateFile, keyFile: files.other.keyFile };
    await at.switchyard.applySettings(encrypting('require', broken));
    expect(at.switchyard.settings().problems).toEqual([
      `The key in ${broken.keyFile} does not belong to the certificate in ${broken.certificateFile}. Clients are shown the certificate that was in use before.`,
    ]);
    const { client } = await start(at);
    expect(fingerprint(client)).toBe(inFile(files.certificateFile));
    await one(client);
    const plain = await WireClient.open(at.port);
    onTestFinished(() => plain.destroy());
    plain.write(startup({ user: 'postgres', database: 'postgres' }));
    expect(fields((await plain.until('E')).at(-1) ?? expect.fail())['C']).toBe('28000');
  });

  it('is what logins are bound to from then on', async () => {
    const admin = new pg.Client({ connectionString: a().url() });
    await admin.connect();
    await admin.query("create role bound login password 'sesame'");
    const { rows: found } = await admin.query<{ rolpassword: string }>("select rolpassword from pg_authid where rolname = 'bound'");
    await admin.end();
    const known = { name: 'bound', verifier: found[0]?.rolpassword ?? '' };
    const settings = (which: { certificateFile: string; keyFile: string }): SettingsInput => ({
      ...encrypting('require', which),
      authentication: { method: 'scram-sha-256', users: [known] },
    });
    const at = await guarded(settings(files));
    const offered = await WireClient.encrypted(at.port);
    onTestFinished(() => offered.destroy());
    offered.write(startup({ user: 'bound', database: 'postgres' }));
    expect((await offered.next()).body.toString('latin1', 4)).toBe('SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0');
    for (const which of [files, files.other, files]) {
      await at.switchyard.applySettings(settings(which));
      const client = new pg.Client({
        host: 'localhost',
        port: at.port,
        user: 'bound',
        password: 'sesame',
        database: 'postgres',
        ssl: { ca: files.ca },
        enableChannelBinding: true,
      });
      await client.connect();
      expect((await at.sessions()).map(({ user, tls }) => ({ user, tls }))).toEqual([{ user: 'bound', tls: 'TLSv1.3' }]);
      await client.end();
      await expect.poll(async () => (await at.sessions()).length, PATIENT).toBe(0);
    }
  });
});

describe('a client that leaves', () => {
  it('by Terminate gets a clean end of TLS, and its session is gone', async () => {
    const { client } = await start(yard(), { application_name: 'polite' });
    await one(client);
    const ends: string[] = [];
    client.socket.on('error', (error) => ends.push(error.message));
    client.socket.on('end', () => ends.push('end'));
    client.write(terminate);
    await client.closed();
    expect(ends).toEqual(['end']);
    await expect.poll(() => sessionsOf('polite'), PATIENT).toBe(0);
  });

  it.each(['TLSv1.2', 'TLSv1.3'] as const)('in its own half only still gets its answer, a large one as well (%s)', async (version) => {
    const client = await WireClient.encrypted(yard().port, { minVersion: version, maxVersion: version });
    onTestFinished(() => client.destroy());
    client.write(startup({ user: 'postgres', database: 'postgres' }));
    await client.until('Z');
    client.write(query("select pg_sleep(0.2)::text || 'late', repeat('x', 5000000)"));
    client.halfClose();
    const [row] = rows(await client.until('Z'));
    expect(row?.[0]).toBe('late');
    expect(row?.[1]).toHaveLength(5_000_000);
    await client.closed();
  });

  it('without a word takes its statement along', async () => {
    const plain = await WireClient.open(yard().port);
    onTestFinished(() => plain.destroy());
    plain.write(sslRequest);
    await plain.bytes(1);
    const client = await plain.encrypt();
    client.write(startup({ user: 'postgres', database: 'postgres', application_name: 'rude' }), query('select pg_sleep(600)'));
    await expect
      .poll(async () => (await yard().sessions()).find(({ application }) => application === 'rude')?.state, PATIENT)
      .toBe('active');
    // Below the TLS layer: killed, its kernel says RST.
    plain.socket.resetAndDestroy();
    await expect.poll(() => sessionsOf('rude'), PATIENT).toBe(0);
    const admin = new pg.Client({ connectionString: a().url() });
    await admin.connect();
    onTestFinished(() => admin.end());
    const running = "select count(*)::int as n from pg_stat_activity where query = 'select pg_sleep(600)' and state = 'active'";
    await expect.poll(async () => (await admin.query<{ n: number }>(running)).rows, PATIENT).toEqual([{ n: 0 }]);
  });
});

describe('a cancel request', () => {
  it.each([
    ['in clear', (port: number) => WireClient.open(port)],
    ['inside TLS', (port: number) => WireClient.encrypted(port)],
    ['inside TLS from the first byte', (port: number) => WireClient.encrypted(port, { direct: true })],
  ])('%s reaches an encrypted session', async (_, connect) => {
    const { client, greeting } = await start(yard(), { application_name: 'sleeper' });
    client.write(query('select pg_sleep(600)'));
    await expect
      .poll(async () => (await yard().sessions()).find(({ application }) => application === 'sleeper')?.state, PATIENT)
      .toBe('active');
    const sender = await connect(yard().port);
    sender.write(cancelRequest(keyOf(greeting)));
    await sender.closed();
    sender.destroy();
    expect(fields((await client.until('E')).at(-1) ?? expect.fail())['C']).toBe('57014');
    await client.until('Z');
    await one(client);
  });
});

describe('a client that reads slowly', () => {
  it('holds its server back, not the proxy’s memory, and gets everything in the end', async () => {
    const { client } = await start(yard(), { application_name: 'slow' });
    const { socket } = client;
    socket.removeAllListeners('data');
    socket.pause();
    client.write(query("select repeat('x', 1000000) from generate_series(1, 150)"));
    const passed = async (): Promise<number> => (await yard().sessions()).find(({ application }) => application === 'slow')?.bytesOut ?? 0;
    // It has come to rest when nothing more passes for half a second.
    let last = -1;
    await expect
      .poll(
        async () => {
          const before = last;
          last = await passed();
          return last > 0 && last === before;
        },
        { interval: 500, timeout: 20_000 },
      )
      .toBe(true);
    expect(last).toBeLessThan(32 * 1024 * 1024);
    let received = 0;
    await new Promise<void>((resolve, reject) => {
      socket.on('data', (chunk: Buffer) => {
        received += chunk.length;
        if (received > 150_000_000 && chunk.subarray(-6, -1).equals(Buffer.from([0x5a, 0, 0, 0, 5]))) resolve();
      });
      socket.once('close', () => reject(new Error(`closed after ${received} bytes`)));
      socket.resume();
    });
    expect(received).toBeGreaterThan(150_000_000);
  });

  it('and one that sends faster than its server takes is held back, too', async () => {
    const { client } = await start(yard(), { application_name: 'copier' });
    await client.query('create temp table t (filler text)');
    client.write(query('copy t from stdin'));
    await client.until('G');
    const line = Buffer.from(`${'y'.repeat(99_999)}\n`);
    for (let i = 0; i < 600; i++) {
      if (!client.socket.write(message('d', line))) await new Promise((resolve) => client.socket.once('drain', resolve));
    }
    client.write(message('c'));
    await client.until('Z');
    expect(rows(await client.query('select count(*), sum(length(filler)) from t'))).toEqual([['600', String(600 * 99_999)]]);
  });
});

describe('an encrypted session moves', () => {
  it('with what it has sent meanwhile', async () => {
    const { client } = await start(yard(), { application_name: 'mover' });
    await client.query("set application_name = 'mover'; set work_mem = '7MB'");
    client.write(query('select pg_sleep(0.3)'));
    const moving = move(yard(), 'mover', 'ep-b');
    // Sent while the move waits for the end of the statement.
    client.write(query('show port'), query('show work_mem'));
    await client.until('Z');
    await client.until('Z');
    expect(rows(await client.until('Z'))).toEqual([['7MB']]);
    expect((await moving).outcome).toBe('success');
    expect(rows(await client.query('show port'))).toEqual([[String(b().port)]]);
  });
});

describe('the end of the proxy', () => {
  it('is told to encrypted clients, with a clean end of TLS, and none outlives it', async () => {
    const at = await startYard({ endpoints: { 'ep-a': a().url() }, options: { settings: encrypting('allow', files) } });
    const { client } = await start(at);
    const { client: operator } = await start(at, { database: 'switchyard' });
    const undecided = await WireClient.encrypted(at.port);
    const greeting = await WireClient.open(at.port);
    greeting.write(Buffer.from([0x16, 3, 1, 0, 200, 1]));
    const problems: string[] = [];
    for (const each of [client, operator, undecided]) {
      onTestFinished(() => each.destroy());
      each.socket.on('error', (error) => problems.push(error.message));
    }
    onTestFinished(() => greeting.destroy());
    const stopped = at.stop();
    expect(fields((await client.until('E')).at(-1) ?? expect.fail())['C']).toBe('57P01');
    for (const each of [client, operator, undecided]) {
      await each.closed();
      expect(problems).toEqual([]);
      each.halfClose();
    }
    await stopped;
  });
});

it('nothing is left of clients that came and went', async () => {
  const at = await guarded(encrypting('allow', files));
  const count = (): number => process.getActiveResourcesInfo().filter((name) => /TCPSocketWrap|TLSWrap|Timeout/.test(name)).length;
  const served = await start(at);
  served.client.write(terminate);
  await served.client.closed();
  served.client.destroy();
  await expect.poll(async () => (await at.sessions()).length, PATIENT).toBe(0);
  const before = count();
  const warnings: string[] = [];
  const warned = (warning: Error): void => void warnings.push(warning.message);
  process.on('warning', warned);
  onTestFinished(() => void process.off('warning', warned));
  for (let round = 0; round < 25; round++) {
    const [quick, cut, broken] = await Promise.all([
      WireClient.encrypted(at.port),
      WireClient.encrypted(at.port),
      WireClient.open(at.port),
    ]);
    quick.write(startup({ user: 'postgres', database: 'postgres' }));
    await quick.until('Z');
    for (let i = 0; i < 12; i++) await one(quick);
    quick.write(terminate);
    cut.write(startup({ user: 'postgres', database: 'postgres' }));
    await cut.until('R');
    cut.socket.destroy();
    broken.write(Buffer.from([0x16, 3, 1, 0, 4, 99, 0, 0, 0]));
    await Promise.all([quick.closed(), broken.closed()]);
    for (const each of [quick, broken]) each.destroy();
  }
  await expect.poll(async () => (await at.sessions()).length, PATIENT).toBe(0);
  // The pool keeps a few server connections, and no more.
  await expect.poll(() => count() - before, PATIENT).toBeLessThan(8);
  expect(warnings).toEqual([]);
});
