/** The metrics of pgbouncer_exporter, by its names and with its labels (pooling.md 6.2): its dashboards and alerts find them here. */
import { clientState } from '../console/connection-views.ts';
import type { ConsoleHost, StatFigures } from '../console/host.ts';
import { databaseLines, held, listFigures, poolLines, poolSize, type DatabaseLine, type PoolLine } from '../console/pool-views.ts';
import { DatabaseNames } from '../console/view.ts';
import type { Family } from '../metrics/prometheus.ts';

/** All of them that have a value here. */
export function pgbouncerMetrics(host: ConsoleHost): Family[] {
  return [...general(host), ...ofDatabases(host), ...ofPools(host), ...ofStats(host), clientConnections(host)];
}

/** A metric with one value. */
export function single(name: string, help: string, value: number, type: 'gauge' | 'counter' = 'gauge'): Family {
  return { name, help, type, samples: [{ labels: {}, value }] };
}

function general(host: ConsoleHost): Family[] {
  const lists = listFigures(host);
  const list = (name: string, from: string, help: string): Family => single(`pgbouncer_${name}`, help, lists[from] ?? 0);
  return [
    single('pgbouncer_up', 'Always 1: the figures come from the pooler itself.', 1),
    {
      name: 'pgbouncer_version_info',
      help: 'The version of Switchyard.',
      type: 'gauge',
      samples: [{ labels: { version: `Switchyard ${host.hostInfo().version}` }, value: 1 }],
    },
    list('databases', 'databases', 'Count of databases (endpoints).'),
    list('users', 'users', 'Count of users.'),
    list('pools', 'pools', 'Count of pools.'),
    list('free_clients', 'free_clients', 'Count of clients that the limit still leaves room for.'),
    list('used_clients', 'used_clients', 'Count of clients.'),
    list('login_clients', 'login_clients', 'Count of clients at their login.'),
    list('free_servers', 'free_servers', 'Count of server connections that the pools may still open.'),
    list('used_servers', 'used_servers', 'Count of server connections.'),
    list('cached_dns_names', 'dns_names', 'Always 0: names are not cached.'),
    list('cached_dns_zones', 'dns_zones', 'Always 0: names are not cached.'),
    list('in_flight_dns_queries', 'dns_queries', 'Always 0: the system resolves names.'),
    single('pgbouncer_config_max_client_connections', 'Most clients at the same time; 0: no limit.', host.settings().limits.clients),
  ];
}

function ofDatabases(host: ConsoleHost): Family[] {
  const lines = databaseLines(host);
  const gauge = (name: string, help: string, value: (line: DatabaseLine) => number): Family => ({
    name: `pgbouncer_databases_${name}`,
    help,
    type: 'gauge',
    samples: lines.map((line) => ({
      labels: {
        name: line.row.id,
        host: line.row.host,
        port: String(line.row.port),
        database: line.row.database,
        force_user: line.row.user,
        pool_mode: line.row.poolMode,
      },
      value: value(line),
    })),
  });
  return [
    gauge('pool_size', 'Most server connections of one pool.', poolSize),
    gauge('reserve_pool', 'Most additional server connections of one pool.', ({ settings }) => settings.pooling.reserve),
    gauge('max_connections', 'Most server connections, all pools together; 0: no limit.', ({ settings }) => settings.pooling.perBackend),
    gauge('current_connections', 'Server connections.', ({ pools }) => pools.reduce((sum, pool) => sum + held(pool), 0)),
    gauge('paused', '1 if the endpoint is paused, else 0.', ({ row }) => (row.paused ? 1 : 0)),
    gauge('disabled', '1 if new clients are refused, else 0.', ({ disabled }) => (disabled ? 1 : 0)),
  ];
}

function ofPools(host: ConsoleHost): Family[] {
  const lines = poolLines(host, Date.now());
  const gauge = (name: string, help: string, value: (line: PoolLine) => number): Family => ({
    name: `pgbouncer_pools_${name}`,
    help,
    type: 'gauge',
    samples: lines.map((line) => ({ labels: { database: line.database, user: line.row.role }, value: value(line) })),
  });
  return [
    gauge('client_active_connections', 'Clients that wait for nothing, idle ones too.', ({ clients }) => clients),
    gauge('client_waiting_connections', 'Clients that wait for a server connection.', ({ row }) => row.waiting),
    gauge('client_active_cancel_connections', 'Always 0: cancel requests have no place in a pool.', () => 0),
    gauge('client_waiting_cancel_connections', 'Always 0: cancel requests have no place in a pool.', () => 0),
    gauge('server_active_connections', 'Server connections that belong to a client.', ({ row }) => row.active),
    gauge('server_idle_connections', 'Server connections that are free.', ({ row, used }) => row.idle - used),
    gauge('server_used_connections', 'Server connections that are free, and checked before they are used.', ({ used }) => used),
    gauge('server_testing_connections', 'Server connections being reset or checked.', ({ row }) => row.resetting + row.checking),
    gauge('server_login_connections', 'Server connections being opened.', ({ row }) => row.connecting),
    gauge('server_active_cancel_connections', 'Always 0: cancel requests have no place in a pool.', () => 0),
    gauge(
      'server_being_canceled_connections',
      'Server connections that wait for a cancel request on its way.',
      ({ row }) => row.cancelling,
    ),
    gauge('client_maxwait_seconds', 'How long the oldest waiting client waits.', ({ row }) => row.maxWaitMs / 1000),
  ];
}

const PER_SECOND = 1e-6;

function ofStats(host: ConsoleHost): Family[] {
  const stats = host.stats();
  const counter = (name: string, help: string, figure: keyof StatFigures, factor = 1): Family => ({
    name: `pgbouncer_stats_${name}_total`,
    help,
    type: 'counter',
    samples: stats.map(({ database, total }) => ({ labels: { database }, value: total[figure] * factor })),
  });
  return [
    counter('queries_pooled', 'Queries.', 'queries'),
    counter('queries_duration_seconds', 'Time spent in queries.', 'queryUs', PER_SECOND),
    counter('sql_transactions_pooled', 'Transactions.', 'transactions'),
    counter('server_in_transaction_seconds', 'Time spent in transactions.', 'transactionUs', PER_SECOND),
    counter('client_wait_seconds', 'Time that clients waited for a server connection.', 'waitUs', PER_SECOND),
    counter('received_bytes', 'Bytes from clients.', 'received'),
    counter('sent_bytes', 'Bytes to clients.', 'sent'),
    counter('server_assignments', 'Times a client was given a server connection.', 'serverAssignments'),
    counter('client_parses', 'Parse messages from clients.', 'clientParses'),
    counter('server_parses', 'Parse messages to servers.', 'serverParses'),
    counter('binds', 'Bind messages.', 'binds'),
  ];
}

function clientConnections(host: ConsoleHost): Family {
  const names = new DatabaseNames(host.endpoints());
  return {
    name: 'pgbouncer_client_connections',
    help: 'Clients by application and state.',
    type: 'gauge',
    samples: host.sessions().map((session) => ({
      labels: {
        database: names.ofEndpoint(session.endpoint, session.database),
        user: session.user,
        application_name: session.application,
        state: clientState(session),
      },
      value: 1,
    })),
  };
}
