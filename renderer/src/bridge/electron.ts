import type { CallName, CallResult } from '../../../core/contract/index.ts';
import { readFrame, readResult } from './frames.ts';
import { takeShellRequest } from './shell.ts';
import { deadlineOf, localFailure } from './transport.ts';
import type { Transport } from './transport.ts';

/** The two functions that the preload script exposes; nothing else of Electron reaches the page. */
export interface PreloadBridge {
  call(name: string, request: unknown): Promise<unknown>;
  /** The listener gets what a WebSocket message would hold, already parsed. */
  subscribe(listener: (frame: unknown) => void): () => void;
}

declare global {
  interface Window {
    readonly switchyard?: PreloadBridge;
  }
}

/** The transport inside Electron. The host is the process this window belongs to, so it is open from the start. */
export function electronTransport(bridge: PreloadBridge): Transport {
  async function call(name: CallName, request: unknown): Promise<CallResult> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<CallResult>((settle) => {
      timer = setTimeout(() => settle(localFailure('timeout', 'The host did not answer in time.')), deadlineOf(name));
    });
    try {
      return await Promise.race([bridge.call(name, request).then(readResult), late]);
    } catch (error) {
      return localFailure('disconnected', error instanceof Error ? error.message : String(error));
    } finally {
      clearTimeout(timer);
    }
  }

  return {
    call,
    subscribe(onDelta, onState) {
      const stop = bridge.subscribe((raw) => {
        const frame = readFrame(raw);
        if (frame?.kind === 'delta') onDelta(frame.delta);
        if (frame?.kind === 'shell') takeShellRequest(frame.shell);
      });
      onState('open');
      return stop;
    },
  };
}
