/** The ways to a server that are compared (pooling.md 1.6), and how many server connections each may open. */

/** Server connections of a pool where every client is to have one. */
const enough = 200;
/** Server connections that clients share in transaction mode (PgBouncer's default), both poolers alike. */
const shared = 20;

/**
 * `kind`: who stands in between; `mode`: when it gives a server connection back; `rival`: the configuration it is compared with, beside
 * direct; `poolSize`: of a pool, unless a workload says otherwise.
 */
export const configurations = [
  { id: 'direct', label: 'direct', kind: 'direct', mode: null, rival: null, poolSize: null },
  { id: 'no-pool', label: 'Switchyard, no pool', kind: 'switchyard-no-pool', mode: 'session', rival: null, poolSize: enough },
  { id: 'session', label: 'Switchyard, session', kind: 'switchyard', mode: 'session', rival: 'pgbouncer-session', poolSize: enough },
  {
    id: 'transaction',
    label: 'Switchyard, transaction',
    kind: 'switchyard',
    mode: 'transaction',
    rival: 'pgbouncer-transaction',
    poolSize: shared,
  },
  { id: 'pgbouncer-session', label: 'PgBouncer, session', kind: 'pgbouncer', mode: 'session', rival: null, poolSize: enough },
  { id: 'pgbouncer-transaction', label: 'PgBouncer, transaction', kind: 'pgbouncer', mode: 'transaction', rival: null, poolSize: shared },
];
