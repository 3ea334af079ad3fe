/**
 * The last minutes as they cross the border: columns of numbers, one entry per bucket of time, the oldest first. What was measured each
 * second keeps its smallest and its largest value per bucket, so that a spike of one second is seen in a quarter of an hour.
 */
import * as z from 'zod';
import { logEntry } from './model.ts';

const count = z.number().int().nonnegative();
const at = z.number();
const ms = z.number().nonnegative();

/** How far back a host remembers, in seconds. */
export const HISTORY_SECONDS = 900;

/** Most lines of the event log that a host, and a window, keeps. */
export const LOG_KEPT = 5_000;

/** The smallest and the largest value in each bucket; null where nothing was measured. */
export const span = z.object({ min: z.array(z.number().nullable()), max: z.array(z.number().nullable()) });
export type Span = z.infer<typeof span>;

/** What is measured once a second; units as in `sample`. */
export const gauges = [
  'sessions',
  'sessionsActive',
  'pinned',
  'waiting',
  'maxWaitMs',
  'serversActive',
  'serversIdle',
  'queriesPerSecond',
  'eventLoopP99Ms',
] as const;
export type Gauge = (typeof gauges)[number];

/** What is counted, and summed up per bucket. */
export const tallies = ['success', 'recoverable', 'fatal', 'refused', 'resurrections'] as const;
export type Tally = (typeof tallies)[number];

/** What kind of thing a mark stands for. */
export const markKind = z.enum(['move', 'server', 'work', 'change']);
export type MarkKind = z.infer<typeof markKind>;

/** Something that happened and may explain what the figures did. */
export const historyMark = z.object({
  at,
  /** `move`: an operation; `server`: one was lost or came back; `work`: an operator drained, paused, …; `change`: of settings or the map. */
  kind: markKind,
  level: logEntry.shape.level,
  /** The code of the event; of an operation its kind. */
  code: z.string(),
  /** In words. */
  message: z.string(),
  operationId: z.number().int().positive().nullable(),
});
export type HistoryMark = z.infer<typeof historyMark>;

/** How long the sessions that were moved stood still. */
export const pauseDistribution = z.object({
  /** Upper bounds of the bins in milliseconds, ascending. */
  bounds: z.array(ms),
  /** How many pauses were at most as long as the bound, and longer than the one before; one more entry than bounds, for the longest. */
  counts: z.array(count),
  count,
  p50: ms,
  p95: ms,
  p99: ms,
  max: ms,
  /** True if older pauses of this time are left out because there were too many. */
  cut: z.boolean(),
});
export type PauseDistribution = z.infer<typeof pauseDistribution>;

/** The answer to `history`. */
export const history = z.object({
  /** Beginning of the first bucket and end of the last one. The last one is still being filled. */
  from: at,
  to: at,
  bucketMs: z.number().int().positive(),
  /** How many seconds were measured in each bucket; 0: the host did not run, or slept. */
  samples: z.array(count),
  gauges: z.object(Object.fromEntries(gauges.map((name) => [name, span])) as Record<Gauge, typeof span>),
  tallies: z.object(Object.fromEntries(tallies.map((name) => [name, z.array(count)])) as Record<Tally, z.ZodArray<typeof count>>),
  /** The longest pause that ended in each bucket; null: none did. */
  pauseMaxMs: z.array(ms.nullable()),
  /** Keys of the pools of which something is kept. */
  pools: z.array(z.string()),
  /** The pool that was asked for; null: none was, or nothing is kept of it. */
  pool: z.object({ key: z.string(), active: span, idle: span, waiting: span }).nullable(),
  pauses: pauseDistribution,
  /** Oldest first, the last 200. */
  marks: z.array(historyMark),
});
export type History = z.infer<typeof history>;
