/**
 * What a session in session mode had set at a safe point: enough to make it anew on another connection to its server, or to say why that
 * cannot be (postgres-session-state.md section 14).
 */
import type { ServerConnection } from '../../backend/server-connection.ts';
import { captureFrames, CaptureFailure, cleanUpCapture, readCapture, serverVersionOf, splitAtReady } from '../../state/capture.ts';
import type { SessionStateCapture } from '../../state/state.ts';
import { Server } from '../../wire/codes.ts';
import { frame } from '../../wire/messages.ts';
import type { Forwarder } from '../forwarder.ts';
import { lossesIn, type Loss } from './losses.ts';
import { shared } from './shared-states.ts';

/** See the head of this file. */
export interface Snapshot {
  /** `Link.requestAt` when it was taken: while that stays, nothing has changed. */
  readonly requestAt: number;
  /** Null when something speaks against it. */
  readonly state: SessionStateCapture | null;
  /** What cannot be made anew. */
  readonly losses: readonly Loss[];
}

/** How long a server may take to show a session's state while the client's input waits, in milliseconds. */
const CAPTURE_MS = 1_000;

/** CockroachDB has no catalogs from which a session could be made anew. */
export function isCockroach(server: ServerConnection): boolean {
  return server.parameters.has('crdb_version');
}

/**
 * Captures a suspended session. The connection is at rest again when this settles; rejects with what the server refused, or how it was
 * lost.
 */
export async function takeSnapshot(forwarder: Forwarder, server: ServerConnection): Promise<Snapshot> {
  const { journal, link } = forwarder;
  const { requestAt } = link;
  // Where the client's names are not the server's, its unnamed statement is kept beside the server.
  const asksForUnnamed = link.names === null && journal.unnamedParse !== null;
  const version = serverVersionOf(server);
  const { frames, readyCount } = captureFrames(version, journal.customNames, journal.unstableTypes, { unnamed: asksForUnnamed });
  const exchange = server.exchange(frames, readyCount, {
    deadlineMs: CAPTURE_MS,
    onNotification: (body) => forwarder.deliverNotification(frame(Server.NotificationResponse, body)),
  });
  try {
    const [captured = [], described = []] = splitAtReady(await exchange.answer);
    if (described.some(({ type }) => type === Server.ErrorResponse)) journal.forgetUnnamed();
    const state = readCapture(captured);
    const losses = lossesIn(state, journal, server.pid);
    return { requestAt, state: losses.length === 0 ? shared(state) : null, losses };
  } catch (error) {
    // What still runs is cancelled; only when the cancel has arrived and the answer is in may the client go on.
    if (!(error instanceof CaptureFailure) && server.isOpen) await Promise.all([server.cancel(() => server.isOpen), exchange.quiet]);
    await cleanUpCapture(server, CAPTURE_MS);
    throw error;
  }
}
