/** `--tls allow` and nothing else: the host makes what is needed, says what a client needs, and that is enough. */
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import pg from 'pg';
import { afterAll, describe, expect, it } from 'vitest';
import { parseBackendUrl } from '../../core/endpoints/map.ts';
import { createHost, type Host } from '../../main/host.ts';
import { settingsToStartWith } from '../../main/settings-store.ts';
import { useCluster } from '../support/cluster.ts';
import { describeWithProgram, runProgram } from '../support/programs.ts';

const cluster = useCluster();
const folder = mkdtempSync(path.join(tmpdir(), 'switchyard-tls-host-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function host(tls: 'allow' | 'require'): Host {
  const listen = { host: '127.0.0.1', port: 0 };
  return createHost({
    version: '0.0.0-test',
    listen,
    endpoints: [{ id: 'ep-a', ...parseBackendUrl(cluster().url()) }],
    defaultEndpoint: null,
    settings: settingsToStartWith(null, { unknownEndpoint: null, tls, auth: null, listen }),
    folder,
    poolSize: null,
    allowOlderServer: false,
    demo: false,
    workload: false,
    log: (error) => expect.fail(String(error)),
  });
}

/** Starts one, hands over its lines, and stops it. */
async function running(tls: 'allow' | 'require', look: (lines: { psql: string; url: string }) => Promise<void>): Promise<void> {
  const it = host(tls);
  await it.start();
  try {
    const { host: info } = await it.handlers.snapshot({});
    const [psql = '', url = ''] = info.connectLines.map(({ text }) => text);
    await look({ psql, url });
    expect((await it.handlers['settings.get']({})).problems).toEqual([]);
  } finally {
    await it.stop();
  }
}

describeWithProgram('psql', 'the line to paste', (psql) => {
  it.each(['allow', 'require'] as const)('--tls %s: verifies whom it talks to', async (tls) => {
    await running(tls, async ({ psql: line }) => {
      const conninfo = /^psql "(.+)"$/.exec(line)?.[1] ?? expect.fail(line);
      expect(conninfo).toContain('sslmode=verify-full');
      const { stdout, stderr } = await runProgram(psql, ['-XAt', '-c', '\\conninfo', '-c', 'select 41 + 1', conninfo]);
      expect(stderr).toBe('');
      expect(stdout).toMatch(/SSL connection \(protocol: TLSv1\.3[^]*\n42\n$/);
    });
  });
});

describe('the URL to paste', () => {
  it.each(['allow', 'require'] as const)('--tls %s: is enough for node-postgres', async (tls) => {
    await running(tls, async ({ url }) => {
      const client = new pg.Client({ connectionString: url });
      await client.connect();
      expect((await client.query('select 41 + 1 as answer')).rows).toEqual([{ answer: 42 }]);
      await client.end();
    });
  });
});

it('the authority outlives a restart: who trusts it need not be told again', async () => {
  const file = path.join(folder, 'tls', 'authority.pem');
  await running('allow', async () => await Promise.resolve());
  const before = readFileSync(file, 'utf8');
  await running('require', async () => await Promise.resolve());
  expect(readFileSync(file, 'utf8')).toBe(before);
  if (process.platform !== 'win32') expect(statSync(path.dirname(file)).mode & 0o777).toBe(0o700);
});
