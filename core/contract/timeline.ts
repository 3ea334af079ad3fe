/** What happened to a session, from its beginning to its end, as an operator reads or exports it. Times and words as in `model.ts`. */
import * as z from 'zod';
import { routedBy, transferRow } from './model.ts';

const at = z.number();
const count = z.number().int().nonnegative();

/** One entry. */
export const timelineEntry = z.object({
  at,
  /** Stable word: `connected`, `migrated`, `resurrected`, `pinned`, `closed`, or the code of an event. */
  name: z.string(),
  /** In words; null: the name says it all. Never a statement's text or a secret. */
  detail: z.string().nullable(),
});

/** A session, and its transfers with the time of each of their phases. */
export const sessionTimeline = z.object({
  sessionId: z.number().int().positive(),
  application: z.string(),
  user: z.string(),
  /** Where it is, or was last. */
  endpoint: z.string(),
  backend: z.string(),
  database: z.string(),
  routedBy,
  connectedAt: at,
  /** Null while it lives. */
  endedAt: at.nullable(),
  migrations: count,
  resurrections: count,
  /** Oldest first; the first ones and the last ones are kept. */
  events: z.array(timelineEntry),
  /** Events that were left out, between the first ones and the last. */
  forgotten: count,
  /** Oldest first, the last 50. */
  transfers: z.array(transferRow),
});
export type SessionTimeline = z.infer<typeof sessionTimeline>;

/** Every timeline that is still kept: of the sessions that live, and of those that ended within the last hour (the last 2,000 of them). */
export const timelineExport = z.object({
  exportedAt: at,
  version: z.string(),
  sessions: z.array(sessionTimeline),
});
export type TimelineExport = z.infer<typeof timelineExport>;
