/**
 * What the proxy costs: pgbench's read-only transaction through it and past it, in turn, on a demo server of its own. Prints the
 * ratio of the two rates, pair by pair (median, lowest, highest): rates by themselves say more about the machine.
 *
 *   npm run bench -- [seconds per run, 3] [pairs, 3]
 */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const [seconds = '3', pairs = '3'] = process.argv.slice(2);
const start = fileURLToPath(new URL('../../main/start.mjs', import.meta.url));

const host = spawn(process.execPath, [start, '--headless', '--json', '--demo', '--listen', '127.0.0.1:0', '--ui', '127.0.0.1:0'], {
  stdio: ['ignore', 'pipe', 'inherit'],
});
const lines = createInterface({ input: host.stdout });
const [line] = await Promise.race([once(lines, 'line'), once(host, 'exit').then(() => [null])]);
if (line === null) throw new Error('the host did not start');
const { proxy, endpoints } = JSON.parse(line);
const direct = Number(endpoints[0].backend.split(':').at(-1));

/** Transactions per second. */
function rate(port, mode, clients) {
  const args = [
    '-n',
    '-S',
    '-M',
    mode,
    '-c',
    String(clients),
    '-T',
    seconds,
    '-h',
    '127.0.0.1',
    '-p',
    String(port),
    '-U',
    'postgres',
    'postgres',
  ];
  const output = execFileSync('pgbench', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
  const found = /tps = ([\d.]+)/.exec(output);
  if (found === null) throw new Error(`pgbench said: ${output}`);
  return Number(found[1]);
}

try {
  execFileSync('pgbench', ['-i', '-q', '-h', '127.0.0.1', '-p', String(direct), '-U', 'postgres', 'postgres'], { stdio: 'ignore' });
  console.log('protocol  clients  proxy/direct  (lowest-highest)');
  for (const mode of ['simple', 'extended', 'prepared']) {
    for (const clients of [1, 10, 100]) {
      const ratios = Array.from({ length: Number(pairs) }, () => {
        const past = rate(direct, mode, clients);
        return rate(proxy.port, mode, clients) / past;
      }).toSorted((a, b) => a - b);
      const shown = [ratios[Math.floor(ratios.length / 2)], ratios[0], ratios.at(-1)].map((ratio) => ratio.toFixed(2));
      console.log(`${mode.padEnd(9)} ${String(clients).padStart(7)}  ${shown[0].padStart(12)}  (${shown[1]}-${shown[2]})`);
    }
  }
} finally {
  host.kill('SIGTERM');
  await once(host, 'exit');
}
