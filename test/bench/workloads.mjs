/** What clients do. Each is one command line of pgbench; the first three are the seed's (pooling.md 1.6). */

/** A session that asks ten times and thinks in between: what transaction mode is for. One execution is one session. */
const thinking = `\\set aid random(1, 100000 * :scale)
${'SELECT abalance FROM pgbench_accounts WHERE aid = :aid;\n\\sleep 10 ms\n'.repeat(10)}`;

/**
 * `reconnects`: every execution is a session of its own (-C), and its latency is that of the whole session, login included;
 * `clients`: instead of the run's; `poolSize`: instead of the configuration's; `leastSeconds`: shorter runs would say nothing.
 */
export const workloads = [
  { id: 'tpcb', label: 'TPC-B, steady', unit: 'transactions/s', reconnects: false, protocol: 'simple', args: ['-b', 'tpcb-like'] },
  { id: 'select', label: 'read-only, steady', unit: 'transactions/s', reconnects: false, protocol: 'simple', args: ['-S'] },
  { id: 'short', label: 'read-only, short (-C)', unit: 'sessions/s', reconnects: true, protocol: 'simple', args: ['-S', '-C'] },
  {
    id: 'think',
    label: 'short, with think time, 10 server connections',
    unit: 'sessions/s',
    reconnects: true,
    protocol: 'simple',
    args: ['-C'],
    script: thinking,
    clients: [100],
    poolSize: 10,
    leastSeconds: 2,
  },
  {
    id: 'prepared',
    label: 'read-only, steady, prepared',
    unit: 'transactions/s',
    reconnects: false,
    protocol: 'prepared',
    args: ['-S'],
    clients: [10],
  },
];
