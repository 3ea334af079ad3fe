/**
 * The only code that sees both the page and Electron. It runs sandboxed and exposes two functions; no event object and no
 * other part of Electron reaches the page.
 */
import { contextBridge, ipcRenderer } from 'electron';
import type { CallResult } from '../core/contract/index.ts';
import { callChannel, pushChannel } from './desktop/channels.ts';

contextBridge.exposeInMainWorld('switchyard', {
  call(name: string, request: unknown): Promise<CallResult> {
    return ipcRenderer.invoke(callChannel, name, request) as Promise<CallResult>;
  },
  subscribe(listener: (frame: unknown) => void): () => void {
    const forward = (_event: unknown, frame: unknown): void => listener(frame);
    ipcRenderer.on(pushChannel, forward);
    return () => {
      ipcRenderer.off(pushChannel, forward);
    };
  },
});
