/**
 * What the host tells its windows unasked: one delta per tick (4 Hz), numbered. A window that finds a gap in `seq` asks for a
 * snapshot. Absent keys mean "unchanged".
 */
import * as z from 'zod';
import {
  endpointRow,
  hostInfo,
  logEntry,
  migrationCounters,
  observationRow,
  operationRow,
  poolRow,
  sample,
  sessionRow,
  transferRow,
} from './model.ts';
import { shellRequest } from './shell.ts';

export const delta = z.object({
  seq: z.number().int().positive(),
  at: z.number(),
  host: hostInfo.optional(),
  /** The whole list, when any line of it changed. */
  endpoints: z.array(endpointRow).optional(),
  sessions: z.object({ upsert: z.array(sessionRow), remove: z.array(z.number().int()) }).optional(),
  /** The whole list, when any pool changed. */
  pools: z.array(poolRow).optional(),
  /** The whole list, when any of it changed. */
  observations: z.array(observationRow).optional(),
  /** Changed operations and transfers; a host forgets the oldest beyond 1,000 and a window may do the same. */
  operations: z.array(operationRow).optional(),
  transfers: z.array(transferRow).optional(),
  counters: migrationCounters.optional(),
  /** Once a second. */
  sample: sample.optional(),
  log: z.array(logEntry).optional(),
});
export type Delta = z.infer<typeof delta>;

/** Frames on the WebSocket and on the IPC push channel. */
export const hostFrame = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('reply'), id: z.number().int(), result: z.unknown() }),
  z.object({ kind: z.literal('delta'), delta }),
  /** From the desktop only. */
  z.object({ kind: z.literal('shell'), shell: shellRequest }),
]);
export type HostFrame = z.infer<typeof hostFrame>;

/** What a window sends over the WebSocket. */
export const clientFrame = z.strictObject({ id: z.number().int().nonnegative(), call: z.string(), request: z.unknown() });
export type ClientFrame = z.infer<typeof clientFrame>;
