/** One window at the other end of a WebSocket: its calls are answered, deltas are pushed, floods are cut off. */
import type { WebSocket } from 'ws';
import { clientFrame, dispatch, type Handlers, type HostFrame } from '../../core/contract/index.ts';

/** No frame of a window may be longer, bytes. */
export const maxFrameBytes = 1_048_576;
/** A window that has not taken this much misses deltas, sees the gap and asks for a snapshot. */
const maxQueuedBytes = 1_048_576;
/** Calls a window may make at once, and per second in the long run. */
const burstCalls = 200;
const callsPerSecond = 50;

/** Codes of RFC 6455 section 7.4.1. */
const closeCode = { goingAway: 1001, unsupportedData: 1003, policyViolation: 1008 } as const;

/** A connected window. */
export interface WindowConnection {
  /** Sends a serialised delta frame, or drops it when the window does not keep up. */
  push(frame: string): void;
  /** Ends it politely, and for certain after a second. */
  close(): void;
}

/**
 * Answers a window's calls until it leaves.
 * @param onUnexpected told of errors that are no refusals
 */
export function connectWindow(socket: WebSocket, handlers: Handlers, onUnexpected: (error: unknown) => void): WindowConnection {
  const allowance = { calls: burstCalls, at: performance.now() };

  const answer = async (data: Buffer): Promise<void> => {
    const frame = clientFrame.safeParse(parseJson(data));
    if (!frame.success) return socket.close(closeCode.policyViolation, 'this frame is no call');
    if (!spend(allowance)) return socket.close(closeCode.policyViolation, 'too many calls');
    const result = await dispatch(handlers, frame.data.call, frame.data.request, onUnexpected);
    const reply: HostFrame = { kind: 'reply', id: frame.data.id, result };
    if (socket.readyState === socket.OPEN) socket.send(JSON.stringify(reply));
  };

  socket.on('message', (data, isBinary) => {
    if (socket.readyState !== socket.OPEN) return;
    if (isBinary || !Buffer.isBuffer(data)) return socket.close(closeCode.unsupportedData, 'text frames only');
    answer(data).catch(onUnexpected);
  });
  // Frames that break the protocol or its limits: ws closes the connection itself, with the fitting code.
  socket.on('error', () => undefined);

  return {
    push(frame) {
      if (socket.readyState === socket.OPEN && socket.bufferedAmount <= maxQueuedBytes) socket.send(frame);
    },
    close() {
      socket.close(closeCode.goingAway, 'the host stops');
      const late = setTimeout(() => socket.terminate(), 1_000);
      socket.once('close', () => clearTimeout(late));
    },
  };
}

function spend(allowance: { calls: number; at: number }): boolean {
  const now = performance.now();
  allowance.calls = Math.min(burstCalls, allowance.calls + ((now - allowance.at) / 1_000) * callsPerSecond);
  allowance.at = now;
  if (allowance.calls < 1) return false;
  allowance.calls--;
  return true;
}

function parseJson(data: Buffer): unknown {
  try {
    return JSON.parse(data.toString('utf8'));
  } catch {
    return undefined;
  }
}
