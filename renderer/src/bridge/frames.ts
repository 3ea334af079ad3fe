import * as z from 'zod';
import { callFailure, hostFrame } from '../../../core/contract/index.ts';
import type { CallResult, HostFrame } from '../../../core/contract/index.ts';
import { localFailure } from './transport.ts';

const callResult = z.discriminatedUnion('ok', [
  z.object({ ok: z.literal(true), reply: z.unknown() }),
  z.object({ ok: z.literal(false), error: callFailure }),
]);

/** Parses what the host pushed. Null: it does not fit the contract, and is dropped; the gap in `seq` then heals itself. */
export function readFrame(raw: unknown): HostFrame | null {
  const parsed = hostFrame.safeParse(raw);
  if (parsed.success) return parsed.data;
  console.warn('A frame from the host does not fit the contract:', z.prettifyError(parsed.error));
  return null;
}

/** The same for the text of a WebSocket message. */
export function readTextFrame(text: unknown): HostFrame | null {
  if (typeof text !== 'string') return null;
  try {
    return readFrame(JSON.parse(text));
  } catch {
    return null;
  }
}

/** Parses the result of a call. */
export function readResult(raw: unknown): CallResult {
  const parsed = callResult.safeParse(raw);
  if (parsed.success) return parsed.data;
  return localFailure('invalid_reply', 'The host answered in a form this window does not understand.', 'Reload the window.');
}
