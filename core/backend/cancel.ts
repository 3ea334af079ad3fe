/** Sends a cancel request to a backend, on a connection of its own. */
import type { BackendTls } from '../tls/backend-tls.ts';
import { openChannel, type BackendAddress } from './channel.ts';

const CANCEL_DEADLINE_MS = 10_000;

/**
 * Delivers `request` to a backend, encrypted and verified as the session's own connection (`encrypted`): the key in it is a secret.
 * `stillWanted` is asked right before the bytes go out. Resolves when the backend has closed the connection, or it failed.
 */
export async function sendCancel(
  backend: BackendAddress,
  tls: BackendTls,
  encrypted: boolean,
  request: Buffer,
  stillWanted: () => boolean,
): Promise<void> {
  const limit = new AbortController();
  const timer = setTimeout(() => limit.abort(new Error('no answer in time')), CANCEL_DEADLINE_MS);
  try {
    const { socket } = await openChannel(backend, { tls, encryption: encrypted ? 'required' : 'none', signal: limit.signal });
    const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
    const onLate = (): void => void socket.destroy();
    limit.signal.addEventListener('abort', onLate, { once: true });
    if (stillWanted()) socket.write(request);
    else socket.destroy();
    // Without a reader the backend's end of the connection would never be seen.
    socket.resume();
    await closed;
  } catch {
    // A cancel request has no answer: one that did not arrive is one that came too late.
  } finally {
    clearTimeout(timer);
  }
}
