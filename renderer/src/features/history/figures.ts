import type { History } from '../../../../core/contract/index.ts';
import type { Strip } from '../../charts/StripChart.tsx';
import { formatMs, formatShort } from '../../lib/format.ts';

/** One chart of the view. */
export interface Figure {
  key: string;
  title: string;
  format: (value: number) => string;
  strips: (history: History) => readonly Strip[];
}

const number = (value: number): string => formatShort(value);

/** The charts that do not depend on a choice, in their order. The pool's own stands after the second. */
export const figures: readonly Figure[] = [
  {
    key: 'sessions',
    title: 'Sessions',
    format: number,
    strips: ({ gauges }) => [
      { label: 'Sessions', color: 'var(--accent)', look: 'line', ...gauges.sessions },
      { label: 'Active', color: 'var(--good)', look: 'area', ...gauges.sessionsActive },
    ],
  },
  {
    key: 'queries',
    title: 'Queries per second',
    format: number,
    strips: ({ gauges }) => [{ label: 'Queries', color: 'var(--accent)', look: 'area', ...gauges.queriesPerSecond }],
  },
  {
    key: 'waits',
    title: 'Waiting sessions',
    format: number,
    strips: ({ gauges }) => [{ label: 'Waiting', color: 'var(--warn)', look: 'area', ...gauges.waiting }],
  },
  {
    key: 'longest',
    title: 'Longest wait',
    format: formatMs,
    strips: ({ gauges }) => [{ label: 'Longest wait', color: 'var(--warn)', look: 'line', ...gauges.maxWaitMs }],
  },
  {
    key: 'pins',
    title: 'Pinned sessions',
    format: number,
    strips: ({ gauges }) => [{ label: 'Pinned', color: 'var(--brass)', look: 'area', ...gauges.pinned }],
  },
  {
    key: 'migrations',
    title: 'Migrations by outcome',
    format: number,
    strips: ({ tallies }) => [
      { label: 'Success', color: 'var(--good)', look: 'bars', counts: tallies.success, whole: 'sum' },
      { label: 'Recoverable', color: 'var(--warn)', look: 'bars', counts: tallies.recoverable, whole: 'sum' },
      { label: 'Fatal', color: 'var(--bad)', look: 'bars', counts: tallies.fatal, whole: 'sum' },
      { label: 'Refused', color: 'var(--idle-fill)', look: 'bars', counts: tallies.refused, whole: 'sum' },
      { label: 'Outlived', color: 'var(--accent)', look: 'bars', counts: tallies.resurrections, whole: 'sum' },
    ],
  },
  {
    key: 'pause',
    title: 'Longest pause',
    format: formatMs,
    strips: ({ pauseMaxMs }) => [
      { label: 'Longest pause', color: 'var(--accent)', look: 'bars', counts: pauseMaxMs.map((value) => value ?? 0), whole: 'largest' },
    ],
  },
  {
    key: 'delay',
    title: 'Event-loop delay of the host, p99',
    format: formatMs,
    strips: ({ gauges }) => [{ label: 'Delay', color: 'var(--brass)', look: 'area', ...gauges.eventLoopP99Ms }],
  },
];

/** The server connections of the pool that was asked for, or of all pools. */
export function poolStrips({ gauges, pool }: History): readonly Strip[] {
  return [
    { label: 'Active', color: 'var(--good)', look: 'area', ...(pool?.active ?? gauges.serversActive) },
    { label: 'Idle', color: 'var(--accent)', look: 'line', ...(pool?.idle ?? gauges.serversIdle) },
    { label: 'Waiting', color: 'var(--warn)', look: 'line', dashed: true, ...(pool?.waiting ?? gauges.waiting) },
  ];
}
