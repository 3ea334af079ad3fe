/**
 * The pause of a move as the client sees it (issue "Migration", done when 5): each figure beside what the same takes without a move, in
 * turns within one run. Times by themselves say more about the machine.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import pg from 'pg';
import { loadCluster } from '../matrix/servers.mjs';
import { endProcess } from './processes.mjs';
import { median, percentilesOf, spread } from './statistics.mjs';

const root = path.join(import.meta.dirname, '../..');
const rounds = 5;
const movesPerRound = 20;
const idleMoves = 200;
/** An idle client does not ask in the very moment in which a move ends. */
const thinkMs = 50;
const drained = 1_000;
const atOnce = 20;
/** A session with ten statements and some settings. */
const setUp = [
  ...Array.from(
    { length: 10 },
    (_, at) => `PREPARE held_${at}(int, text) AS SELECT relname FROM pg_class WHERE oid = $1 AND relname <> $2 || '${at}'`,
  ),
  "SET app.user_id = '7'",
  "SET work_mem = '7MB'",
];

/** Measures everything; takes about a minute. `progress`: hears what has been done. */
export async function measurePause(folder, progress) {
  const startCluster = await loadCluster(folder);
  const options = { settings: { max_connections: 2_200, autovacuum: 'off', checkpoint_timeout: '1h' } };
  const settledStarts = await Promise.allSettled([startCluster(options), startCluster(options)]);
  const clusters = settledStarts.flatMap(({ value }) => value ?? []);
  try {
    for (const { reason } of settledStarts) if (reason) throw reason;
    const [a, b] = clusters;
    const proxy = await startProxy(folder, a.url(), b.url());
    try {
      const idle = await measureIdle(proxy, progress);
      const holds = await measureHolds(proxy, folder, [a.url(), b.url()], progress);
      const drain = await measureDrain(proxy, `127.0.0.1:${a.port}`, progress);
      return { idle, ...holds, drain };
    } finally {
      await proxy.stop();
    }
  } finally {
    await Promise.all(clusters.map((cluster) => cluster.stop('immediate')));
  }
}

/** The next statement of an idle client after an optimistic move, and the same of one that was not moved. */
async function measureIdle(proxy, progress) {
  const [moved, unmoved] = [await proxy.connect('ep-a'), await proxy.connect('ep-a')];
  const ask = async (client) => {
    const start = performance.now();
    await client.query('SELECT 1');
    return performance.now() - start;
  };
  const times = { moved: [], unmoved: [] };
  const pauses = [];
  for (let n = 0; n < idleMoves; n++) {
    const { transfer } = await proxy.move(moved, n % 2 === 0 ? 'ep-b' : 'ep-a', 'optimistic');
    expectMoved(transfer);
    pauses.push(transfer.pauseMs);
    await sleep(thinkMs);
    // In turns, so that neither is always the one that finds the processor asleep.
    const order = n % 2 === 0 ? ['moved', 'unmoved'] : ['unmoved', 'moved'];
    for (const which of order) times[which].push(await ask(which === 'moved' ? moved : unmoved));
  }
  await moved.end();
  await unmoved.end();
  const [there, here] = [percentilesOf(times.moved), percentilesOf(times.unmoved)];
  progress(`pause, idle: p95 ${there.p95.toFixed(2)} ms after a move, ${here.p95.toFixed(2)} ms without`);
  return { moves: idleMoves, moved: there, unmoved: here, ratio: there.p95 / here.p95, pauseMs: Math.max(...pauses) };
}

/** The holds of two-phase, and the pause of preconnect, each beside the same batches on direct connections, in turns. */
async function measureHolds(proxy, folder, [a, b], progress) {
  const { DirectMoves } = await bundled(folder, 'pause-direct.ts');
  const direct = await DirectMoves.open(a, b, setUp);
  const client = await proxy.connect('ep-a');
  for (const sql of setUp) await client.query(sql);
  const ratios = { first: [], second: [], whole: [] };
  const all = { first: [], second: [], whole: [], directFirst: [], directSecond: [], directWhole: [] };
  let at = 'ep-a';
  const move = async (mode) => {
    at = at === 'ep-a' ? 'ep-b' : 'ep-a';
    const { transfer } = await proxy.move(client, at, mode);
    expectMoved(transfer);
    return transfer;
  };
  // Neither side's first ones count: code is compiled and caches are filled.
  for (let round = -1; round < rounds; round++) {
    const seen = { first: [], second: [], whole: [], directFirst: [], directSecond: [], directWhole: [] };
    for (let n = 0; n < movesPerRound; n++) {
      const times = await direct.measure();
      seen.directFirst.push(times.first);
      seen.directSecond.push(times.second);
      seen.directWhole.push(times.whole);
      const [first, second] = (await move('two-phase')).holdsMs;
      seen.first.push(first);
      seen.second.push(second);
      seen.whole.push((await move('preconnect')).pauseMs);
    }
    if (round < 0) continue;
    ratios.first.push(median(seen.first) / median(seen.directFirst));
    ratios.second.push(median(seen.second) / median(seen.directSecond));
    ratios.whole.push(median(seen.whole) / median(seen.directWhole));
    for (const key of Object.keys(all)) all[key].push(...seen[key]);
    progress(
      `pause, round ${round + 1}: two-phase ${ratios.first[round].toFixed(2)} and ${ratios.second[round].toFixed(2)}, preconnect ${ratios.whole[round].toFixed(2)} times direct`,
    );
  }
  direct.close();
  await client.end();
  const row = (key, directKey) => ({ ms: median(all[key]), directMs: median(all[directKey]), ratio: spread(ratios[key]) });
  return { first: row('first', 'directFirst'), second: row('second', 'directSecond'), whole: row('whole', 'directWhole') };
}

/** Many idle sessions leave a server. Whoever is not moved, and every wrong answer or error of a client, is one too many. */
async function measureDrain(proxy, backend, progress) {
  const clients = [];
  let errors = 0;
  while (clients.length < drained) {
    const opened = await Promise.all(Array.from({ length: atOnce }, () => proxy.connect('ep-a')));
    for (const client of opened) client.on('error', () => errors++);
    clients.push(...opened);
  }
  const { operation } = await proxy.ask({ kind: 'drain', backend, to: 'ep-b' });
  const seconds = (operation.settledAt - operation.startedAt) / 1_000;
  for (let at = 0; at < clients.length; at += atOnce) {
    const answers = clients.slice(at, at + atOnce).map(async (client, index) => {
      const { rows } = await client.query('SELECT $1::int AS n', [at + index]);
      if (rows.length !== 1 || rows[0].n !== at + index) errors++;
    });
    errors += (await Promise.allSettled(answers)).filter(({ status }) => status === 'rejected').length;
  }
  errors += operation.total - operation.success;
  await Promise.allSettled(clients.map((client) => client.end()));
  progress(`pause, drain: ${operation.success} of ${operation.total} sessions in ${seconds.toFixed(1)} s, ${errors} errors`);
  return { sessions: operation.total, moved: operation.success, errors, seconds, perSecond: operation.success / seconds };
}

function expectMoved(transfer) {
  if (transfer?.outcome !== 'success') throw new Error(`a move ended in ${transfer?.outcome}: ${transfer?.reason}`);
}

async function startProxy(folder, a, b) {
  const child = fork(await bundle(folder, 'pause-proxy.ts'), [a, b], { cwd: root, stdio: ['ignore', 2, 2, 'ipc'] });
  const [{ port }] = await once(child, 'message');
  const waiting = new Map();
  let next = 1;
  child.on('message', ({ id, reply, error }) => {
    const { resolve, reject } = waiting.get(id);
    waiting.delete(id);
    if (error === undefined) resolve(reply);
    else reject(new Error(error));
  });
  const gone = once(child, 'exit').then(() => {
    for (const { reject } of waiting.values()) reject(new Error('the proxy ended'));
  });
  const ask = (order) =>
    new Promise((resolve, reject) => {
      waiting.set(next, { resolve, reject });
      child.send({ id: next++, ...order });
    });
  return {
    ask,
    move: (client, to, mode) => ask({ kind: 'move', port: client.connection.stream.localPort, to, mode }),
    connect: async (endpoint) => {
      const client = new pg.Client({ host: '127.0.0.1', port, user: 'postgres', database: `${endpoint}/postgres` });
      await client.connect();
      return client;
    },
    stop: async () => {
      await endProcess(child);
      await gone;
    },
  };
}

async function bundled(folder, file) {
  return await import(pathToFileURL(await bundle(folder, file)).href);
}

async function bundle(folder, file) {
  const outfile = path.join(folder, `${path.basename(file, '.ts')}.mjs`);
  await build({
    absWorkingDir: root,
    entryPoints: [path.join('test/bench', file)],
    outfile,
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'esm',
    external: ['pg-native'],
    banner: { js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);" },
    logLevel: 'warning',
  });
  return outfile;
}
