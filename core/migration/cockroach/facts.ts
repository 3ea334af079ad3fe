/** What has to be known of two CockroachDB nodes before sessions are moved from one to the other. */
import type { Login } from '../../backend/login.ts';
import type { ServerConnection } from '../../backend/server-connection.ts';
import type { Finding } from '../../contract/index.ts';
import { splitAtReady } from '../../state/capture.ts';
import { block, warn } from '../dialect.ts';
import { extended, GROUPS_EACH, rowsIn } from './own-statement.ts';
import { refusalIn } from './refusals.ts';

/** See the head of this file. */
export interface CockroachFacts {
  /** As reported at the login: `CockroachDB CCL v25.2.0 (…)`. */
  readonly version: string;
  /** Null: the server does not tell this role. */
  readonly clusterId: string | null;
}

/** Asks on a connection of the proxy's own. Rejects as an exchange does. */
export async function readCockroachFacts(server: ServerConnection, deadlineMs: number): Promise<CockroachFacts> {
  const answer = await server.exchange(extended('SELECT crdb_internal.cluster_id()'), GROUPS_EACH, { deadlineMs }).answer;
  return { version: server.parameters.get('crdb_version') ?? '', clusterId: rowsIn(splitAtReady(answer)[0])?.[0]?.[0] ?? null };
}

/** What speaks against moving from one to the other, as `login`, and what should be known. */
export function compareCockroach(from: CockroachFacts, to: CockroachFacts, login: Pick<Login, 'role' | 'tls' | 'backend'>): Finding[] {
  const findings: Finding[] = [];
  if (login.role.toLowerCase() === 'root')
    findings.push(refusalIn('cannot create token for root user', 'no CockroachDB server hands out a session of root'));
  if (login.tls.channelBinding === 'require') {
    findings.push(
      block(
        'channel_binding',
        `a session logs in at ${login.backend.id} with a token, which cannot be bound to the TLS connection, and the endpoint requires channel binding`,
        'Take channel_binding=require out of the URL of the endpoint; sslmode=verify-full makes sure of the server all the same.',
      ),
    );
  }
  if (from.clusterId !== null && to.clusterId !== null && from.clusterId !== to.clusterId) {
    findings.push(
      block(
        'other_cluster',
        'the target belongs to another CockroachDB cluster: it does not accept what this one signs',
        'Sessions move between the nodes of one cluster.',
      ),
    );
  }
  const [here, there] = [releaseOf(from), releaseOf(to)];
  const order = there.series - here.series;
  if (order !== 0)
    findings.push(
      warn(
        order < 0 ? 'older_server' : 'newer_server',
        `the target is ${order < 0 ? 'an older' : 'a newer'} CockroachDB (${there.name}, the session is on ${here.name}): while a cluster is being upgraded a session may be refused`,
      ),
    );
  return findings;
}

function releaseOf({ version }: CockroachFacts): { name: string; series: number } {
  const [, name = version, year = '0', number = '0'] = /\b(v(\d+)\.(\d+)\S*)/.exec(version) ?? [];
  return { name, series: Number(year) * 1_000 + Number(number) };
}
