/** One run of pgbench through one configuration, and what was seen while it ran. */
import os from 'node:os';
import path from 'node:path';
import { latencies, takeLogs } from './latencies.mjs';
import { cpuSeconds, residentKb, runToEnd } from './processes.mjs';
import { percentilesOf } from './statistics.mjs';

const sampleMs = 150;

/** Why pgbench's own threads: with -C a thread stands still while one of its clients logs in, so each client needs one. */
function threadsFor(workload, clients) {
  return workload.reconnects ? clients : Math.min(clients, os.availableParallelism());
}

/**
 * Runs a workload. Never throws for a run that failed: `failure` says why then.
 * @returns tps (per second, login included where every transaction has one), transactions, latency in ms (p50, p95, p99), cpuSeconds and
 *   peakKb of the pooler's process (null: none, or not known here), servers: most server connections in use at a time
 */
export async function measure({ pooler, database, configuration, workload, clients, seconds, folder, script }) {
  const prefix = 'transactions';
  const args = ['-n', ...workload.args, '-M', workload.protocol, '-c', String(clients), '-j', String(threadsFor(workload, clients))];
  if (script !== null) args.push('-f', script);
  args.push('-T', String(seconds), '-l', `--log-prefix=${path.join(folder, prefix)}`);
  args.push('-h', pooler.host, '-p', String(pooler.port), '-U', configuration.id, database.database);
  const watch = await startWatching(pooler, database, configuration.id);
  const beganAt = Date.now();
  const before = pooler.pid === null ? null : cpuSeconds(pooler.pid);
  try {
    const { output } = await runToEnd('pgbench', args, { deadlineMs: seconds * 1000 + 60_000, env: { PGCONNECT_TIMEOUT: '60' } });
    const spent = before === null ? null : cpuSeconds(pooler.pid) - before;
    const seen = await watch.stop();
    const { tps, transactions } = readReport(output);
    const latency = percentilesOf(latencies(takeLogs(folder, prefix), workload.reconnects, beganAt));
    return { tps, transactions, latency, cpuSeconds: spent, ...seen, failure: null };
  } catch (error) {
    const seen = await watch.stop();
    takeLogs(folder, prefix);
    return { tps: 0, transactions: 0, latency: null, cpuSeconds: null, ...seen, failure: error.message };
  }
}

/** Sessions that nobody counts: what runs in front of the server has compiled its code and filled its caches afterwards. */
export async function warmUp({ pooler, database, configuration }) {
  const where = ['-h', pooler.host, '-p', String(pooler.port), '-U', configuration.id, database.database];
  await runToEnd('pgbench', ['-n', '-S', '-C', '-c', '10', '-j', '10', '-T', '1', ...where], { deadlineMs: 60_000 });
}

/** pgbench's summary. Throws when it has none. */
export function readReport(output) {
  const tps = /^tps = ([\d.]+)/m.exec(output);
  const transactions = /^number of transactions actually processed: (\d+)/m.exec(output);
  if (tps === null || transactions === null) throw new Error(`pgbench gave no figures: ${output.trim().slice(-300)}`);
  return { tps: Number(tps[1]), transactions: Number(transactions[1]) };
}

async function startWatching(pooler, database, role) {
  const began = await database.now();
  let servers = 0;
  let peakKb = null;
  let stopped = false;
  let asking = Promise.resolve();
  const look = () => {
    const now = pooler.pid === null ? null : residentKb(pooler.pid);
    if (now !== null) peakKb = Math.max(peakKb ?? 0, now);
    asking = asking.then(async () => {
      if (!stopped) servers = Math.max(servers, await database.used(role, began));
    });
  };
  const timer = setInterval(look, sampleMs);
  return {
    async stop() {
      clearInterval(timer);
      // Pools still have theirs now; those of direct clients have gone, and were seen on the way.
      look();
      await asking;
      stopped = true;
      return { servers, peakKb };
    },
  };
}
