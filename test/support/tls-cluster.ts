/** Real PostgreSQL servers with TLS, and pg_hba.conf as a test wants it. */
import { chown, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import type { Cluster } from '../../main/demo/cluster.ts';
import { startTestCluster, type TestClusterOptions } from './cluster.ts';
import type { Issued } from './certificates.ts';

/** What such a server is made with. */
export interface TlsClusterOptions extends Omit<TestClusterOptions, 'hba' | 'name'> {
  /** Null: `ssl = off`. */
  readonly server: Issued | null;
  /** The authority that clients' certificates must come from, as PEM. */
  readonly clientAuthority?: string;
  /** All of pg_hba.conf, but that the superuser always comes in over plain text from this machine. */
  readonly hba: readonly string[];
}

/** The line that lets tests prepare a server, whatever else its pg_hba.conf says. */
const SUPERUSER = 'host all postgres 127.0.0.1/32 trust';

/** Starts one that the caller stops. */
export async function startTlsCluster(options: TlsClusterOptions): Promise<Cluster> {
  const { server, clientAuthority, hba, ...rest } = options;
  const cluster = await startTestCluster(rest);
  try {
    await writeFile(join(cluster.dataDir, 'pg_hba.conf'), `${[SUPERUSER, ...hba].join('\n')}\n`);
    if (server !== null) await installCertificate(cluster, server, clientAuthority);
    await cluster.restart('immediate');
    return cluster;
  } catch (error) {
    await cluster.stop('immediate');
    throw error;
  }
}

/** Gives a server a certificate; in force after a restart (or a reload). */
export async function installCertificate(cluster: Cluster, server: Issued, clientAuthority?: string): Promise<void> {
  const files = { 'server.crt': server.certificate, 'server.key': server.key, 'clients.crt': clientAuthority ?? '' };
  const { uid, gid } = await stat(cluster.dataDir);
  for (const [name, text] of Object.entries(files)) {
    const path = join(cluster.dataDir, name);
    await writeFile(path, text, { mode: 0o600 });
    await chown(path, uid, gid);
  }
  const path = join(cluster.dataDir, 'postgresql.conf');
  const settings = ["ssl = 'on'", ...(clientAuthority === undefined ? [] : ["ssl_ca_file = 'clients.crt'"])];
  await writeFile(path, `${await readFile(path, 'utf8')}\n${settings.join('\n')}\n`);
}

/** Registers one with the suite it is called in; the options are read when the tests begin. */
export function useTlsCluster(options: () => TlsClusterOptions): () => Cluster {
  let running: Cluster | null = null;
  beforeAll(async () => {
    running = await startTlsCluster(options());
  }, 120_000);
  afterAll(() => running?.stop('immediate'), 30_000);
  return () => {
    if (running === null) throw new Error('the test server is there only while tests run');
    return running;
  };
}
