/** Sessions of one application have set the same, as a rule: what is equal is kept once. */
import { createHash } from 'node:crypto';
import type { SessionStateCapture } from '../../state/state.ts';

const known = new Map<string, WeakRef<SessionStateCapture>>();
const KNOWN_LIMIT = 1_000;

/** A state that differs from `state` in nothing but the process and the size it was read with; perhaps the same object for many sessions. */
export function shared(state: SessionStateCapture): SessionStateCapture {
  const { pid: _pid, bytes: _bytes, ...rest } = state;
  const text = JSON.stringify(rest, (_key, value: unknown) => (value instanceof Map ? [...(value as Map<string, unknown>)] : value));
  const key = createHash('sha256').update(text).digest('base64');
  const other = known.get(key)?.deref();
  if (other !== undefined) return other;
  if (known.size >= KNOWN_LIMIT) forget();
  known.set(key, new WeakRef(state));
  return state;
}

function forget(): void {
  for (const [key, state] of known) if (state.deref() === undefined) known.delete(key);
  if (known.size >= KNOWN_LIMIT) known.clear();
}
