/** The clients of the soak, of mixed kinds, half of them in session mode and half in transaction mode. */
import { Random } from '../../fuzz/support/random.ts';
import { findProgram } from '../../support/programs.ts';
import type { Yard } from '../../support/yard.ts';
import { nodePostgres } from './clients/node-postgres.ts';
import { pgbench } from './clients/pgbench.ts';
import { postgresJs } from './clients/postgres-js.ts';
import { psql } from './clients/psql.ts';
import { wire } from './clients/wire.ts';
import type { Endpoints } from './mover.ts';
import type { Door, SoakClient } from './soak-client.ts';

/** How many of each; of pgbench: per protocol. */
export interface CrowdSize {
  readonly nodePostgres: number;
  readonly postgresJs: number;
  readonly wire: number;
  readonly psql: number;
  readonly pgbench: number;
}

/** Most time between two questions of each client in turn: from those that hardly think to those that are idle most of the time. */
const THINK_MS = [10, 50, 100, 200, 400, 800, 1_500] as const;
/** How many of each kind never think: more of them would leave no time for moves. */
const RESTLESS = 1;

/** Makes them; says what this machine has not. */
export function makeCrowd(yard: Yard, endpoints: Endpoints, size: CrowdSize, random: Random): SoakClient[] {
  const clients: SoakClient[] = [];
  const door = (index: number): Door => ({
    host: yard.host,
    port: yard.port,
    database: `${endpoints[index % 2 === 0 ? 'session' : 'transaction'][(index >> 1) % 2]}/postgres`,
  });
  const each = (kind: string, count: number, make: (name: string, index: number, own: Random, thinkMs: number) => SoakClient): void => {
    for (let index = 0; index < count; index++)
      clients.push(
        make(`${kind}-${index}`, index, new Random(random.uint32()), index < RESTLESS ? 0 : (THINK_MS[index % THINK_MS.length] ?? 0)),
      );
  };
  each('node-postgres', size.nodePostgres, (name, index, own, think) => nodePostgres(name, door(index), own, think));
  each('postgres.js', size.postgresJs, (name, index, own, think) => postgresJs(name, door(index), own, think));
  each('wire', size.wire, (name, index, own, think) => wire(name, door(index), own, think));
  const [psqlPath, pgbenchPath] = [findProgram('psql'), findProgram('pgbench')];
  if (psqlPath === null) process.stderr.write('\n*** SKIPPED: psql in the soak: this machine has none (Debian: postgresql-client) ***\n');
  else each('psql', size.psql, (name, index, own, think) => psql(psqlPath, name, door(index), own, think));
  if (pgbenchPath === null)
    process.stderr.write('\n*** SKIPPED: pgbench in the soak: this machine has none (Debian: postgresql-contrib) ***\n');
  else
    for (const [at, protocol] of (['simple', 'extended', 'prepared'] as const).entries())
      clients.push(pgbench(pgbenchPath, protocol, `pgbench-${protocol}`, door(at), size.pgbench, 60));
  return clients;
}
