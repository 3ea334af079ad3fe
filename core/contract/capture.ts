/**
 * The capture of statements: switched on by an operator, for a time, and shown in every window while it runs. What is captured stays in the
 * host's memory, within bounds, and goes nowhere but into the answer to `capture.read`. Times are milliseconds since the epoch.
 */
import * as z from 'zod';

const count = z.number().int().nonnegative();
const at = z.number();
const sessionId = z.number().int().positive();

/** Longest time for which a capture can be asked, in seconds. */
export const CAPTURE_LIMIT_SECONDS = 600;

/** A capture under way: shown in every window. */
export const captureState = z.object({
  /** When it ends by itself. */
  until: at,
  /** Whose statements; null: those of all sessions, also of those that come. */
  sessions: z.array(sessionId).nullable(),
});
export type CaptureState = z.infer<typeof captureState>;

/** One statement that was captured. Values of parameters are never kept. */
export const capturedStatement = z.object({
  /** Grows by one with each. */
  id: count,
  sessionId,
  at,
  /** `query`: simple protocol; `prepare`: prepared and not run (yet); `execute`: prepared, then or before, and run. */
  via: z.enum(['query', 'prepare', 'execute']),
  /** Name of the prepared statement; null: none, or the unnamed one. */
  name: z.string().nullable(),
  /** Constants of a statement that speaks of secrets are replaced by `?`; null: it was prepared before the capture began. */
  text: z.string().nullable(),
  /** The text is longer than what is kept. */
  isCut: z.boolean(),
  isRedacted: z.boolean(),
  /** Until the ReadyForQuery behind it; null: not there yet. */
  ms: z.number().nonnegative().nullable(),
  /** SQLSTATE of the error that answered it, or what was sent with it; null: none. */
  error: z.string().nullable(),
});
export type CapturedStatement = z.infer<typeof capturedStatement>;

/** A part of what was captured. */
export const capturePage = z.object({
  /** Oldest first. */
  statements: z.array(capturedStatement),
  /** To be passed as `after` the next time. */
  next: z.number().int().min(-1),
  /** How many were let go for want of room since the capture began. */
  dropped: count,
  /** What is under way; null: nothing is. */
  capture: captureState.nullable(),
  /** When what was captured is forgotten; null: nothing is kept. */
  keptUntil: at.nullable(),
});
export type CapturePage = z.infer<typeof capturePage>;
