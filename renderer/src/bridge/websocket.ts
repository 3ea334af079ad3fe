import type { CallName, CallResult, ClientFrame, Delta } from '../../../core/contract/index.ts';
import { readResult, readTextFrame } from './frames.ts';
import { takeShellRequest } from './shell.ts';
import { deadlineOf, localFailure } from './transport.ts';
import type { ConnectionState, Transport } from './transport.ts';

interface Pending {
  settle: (result: CallResult) => void;
  timer: ReturnType<typeof setTimeout>;
}

const FIRST_RETRY_MS = 250;
const LAST_RETRY_MS = 5_000;

/** The wait before attempt `n` (0 for the first retry): doubles from 250 ms up to 5 s. */
export function retryDelay(attempt: number): number {
  return Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(attempt, 10));
}

/** The transport of the headless host: one WebSocket, reopened when lost. `token` null: the page was opened without one. */
export function webSocketTransport(address: string, token: string | null): Transport {
  const pending = new Map<number, Pending>();
  let socket: WebSocket | null = null;
  let nextId = 1;

  function dropPending(): void {
    for (const call of pending.values()) {
      clearTimeout(call.timer);
      call.settle(localFailure('disconnected', 'The connection to the host was lost before it answered.'));
    }
    pending.clear();
  }

  function call(name: CallName, request: unknown): Promise<CallResult> {
    const open = socket;
    if (open?.readyState !== WebSocket.OPEN) {
      return Promise.resolve(localFailure('disconnected', 'The host cannot be reached at the moment.'));
    }
    const id = nextId++;
    const frame: ClientFrame = { id, call: name, request };
    return new Promise((settle) => {
      const timer = setTimeout(() => {
        pending.delete(id);
        settle(localFailure('timeout', 'The host did not answer in time.'));
      }, deadlineOf(name));
      pending.set(id, { settle, timer });
      open.send(JSON.stringify(frame));
    });
  }

  function subscribe(onDelta: (delta: Delta) => void, onState: (state: ConnectionState) => void): () => void {
    if (token === null) {
      onState('denied');
      return () => undefined;
    }
    const protocols = ['switchyard', `token.${token}`];
    let attempt = 0;
    let retry: ReturnType<typeof setTimeout> | undefined;
    let stopped = false;

    function open(): void {
      const opening = new WebSocket(address, protocols);
      socket = opening;
      opening.onopen = () => {
        attempt = 0;
        onState('open');
      };
      opening.onmessage = (event) => {
        const frame = readTextFrame(event.data);
        if (frame?.kind === 'delta') onDelta(frame.delta);
        if (frame?.kind === 'shell') takeShellRequest(frame.shell);
        if (frame?.kind === 'reply') {
          const waiting = pending.get(frame.id);
          if (!waiting) return;
          pending.delete(frame.id);
          clearTimeout(waiting.timer);
          waiting.settle(readResult(frame.result));
        }
      };
      opening.onclose = () => {
        dropPending();
        if (stopped) return;
        onState('closed');
        retry = setTimeout(open, retryDelay(attempt++));
      };
    }

    open();
    return () => {
      stopped = true;
      clearTimeout(retry);
      socket?.close();
    };
  }

  return { call, subscribe };
}
