/** SHOW STATS and its variants, by PgBouncer's names, and the migration counters by the first seed's. */
import type { ConsoleHost, StatFigures } from './host.ts';
import { milliseconds, type View } from './view.ts';

interface Names {
  readonly figure: keyof StatFigures;
  /** In SHOW STATS. */
  readonly total: string;
  readonly average: string;
  /** In STATS_TOTALS, and in STATS_AVERAGES where PgBouncer says it another way. */
  readonly plain: string;
  readonly plainAverage?: string;
  /** In TOTALS, behind `total_` or `avg_`. */
  readonly sum: string;
}

/** PgBouncer's spellings differ from view to view. */
const figures: readonly Names[] = [
  plain('serverAssignments', 'server_assignment_count'),
  plain('transactions', 'xact_count'),
  plain('queries', 'query_count'),
  { figure: 'received', total: 'total_received', average: 'avg_recv', plain: 'bytes_received', sum: 'client_bytes' },
  { figure: 'sent', total: 'total_sent', average: 'avg_sent', plain: 'bytes_sent', sum: 'server_bytes' },
  plain('transactionUs', 'xact_time'),
  plain('queryUs', 'query_time'),
  plain('waitUs', 'wait_time'),
  { ...plain('clientParses', 'client_parse_count'), plainAverage: 'avg_client_parse_count', sum: 'ps_client_parse_count' },
  { ...plain('serverParses', 'server_parse_count'), plainAverage: 'avg_server_parse_count', sum: 'ps_server_parse_count' },
  { ...plain('binds', 'bind_count'), plainAverage: 'avg_bind_count', sum: 'ps_bind_count' },
  { ...plain('clientLogins', 'client_login_count'), plainAverage: 'avg_client_login_count' },
];

function plain(figure: keyof StatFigures, name: string): Names {
  return { figure, total: `total_${name}`, average: `avg_${name}`, plain: name, sum: name };
}

const values = (of: StatFigures): number[] => figures.map(({ figure }) => Math.round(of[figure]));

const stats: View = {
  help: 'totals since start and averages of the last minute, per database (times in microseconds)',
  columns: ['database', ...figures.map(({ total }) => total), ...figures.map(({ average }) => average)],
  rows: (host) => host.stats().map(({ database, total, average }) => [database, ...values(total), ...values(average)]),
};

const statsTotals: View = {
  help: 'the totals of SHOW STATS',
  columns: ['database', ...figures.map((names) => names.plain)],
  rows: (host) => host.stats().map(({ database, total }) => [database, ...values(total)]),
};

const statsAverages: View = {
  help: 'the averages of SHOW STATS',
  columns: ['database', ...figures.map((names) => names.plainAverage ?? names.plain)],
  rows: (host) => host.stats().map(({ database, average }) => [database, ...values(average)]),
};

const totals: View = {
  help: 'SHOW STATS over all databases',
  columns: ['name', 'value'],
  rows: (host) => {
    const all = host.stats();
    const rows = (prefix: string, part: 'total' | 'average') =>
      figures.map(({ figure, sum }) => [prefix + sum, Math.round(combined(all, part, figure))]);
    return [...rows('total_', 'total'), ...rows('avg_', 'average')];
  },
};

/** Sums; but the average time of one transaction or query is weighted by how many there were. */
function combined(all: ReturnType<ConsoleHost['stats']>, part: 'total' | 'average', figure: keyof StatFigures): number {
  const weight = figure === 'transactionUs' ? 'transactions' : figure === 'queryUs' ? 'queries' : null;
  if (part === 'total' || weight === null) return all.reduce((sum, each) => sum + each[part][figure], 0);
  const count = all.reduce((sum, { average }) => sum + average[weight], 0);
  return count === 0 ? 0 : all.reduce((sum, { average }) => sum + average[figure] * average[weight], 0) / count;
}

const counters: View = {
  help: 'migration counters by the names of the first seed',
  columns: ['metric', 'value'],
  rows: (host) => {
    const now = host.counters();
    const rows: [string, number][] = [
      ['attempted', now.attempted],
      ['success', now.success],
      ['error_recoverable', now.error_recoverable],
      ['error_fatal', now.error_fatal],
      ['refused', now.refused],
      ['in_flight', now.inFlight],
    ];
    for (const [name, distribution] of [
      ['attempted.latency', now.attemptedLatency],
      ['pause', now.pause],
    ] as const) {
      rows.push([`${name}.count`, distribution.count]);
      for (const figure of ['p50', 'p95', 'p99', 'max'] as const) {
        rows.push([`${name}.${figure}_ms`, milliseconds(distribution[figure]) ?? 0]);
      }
    }
    return rows.map(([name, value]) => [`proxy.conn_migration.${name}`, value]);
  },
};

/** See the head of this file. */
export const statsViews = {
  STATS: stats,
  STATS_TOTALS: statsTotals,
  STATS_AVERAGES: statsAverages,
  TOTALS: totals,
  COUNTERS: counters,
} satisfies Record<string, View>;
