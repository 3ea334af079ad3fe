import { BrowserWindow, ipcMain } from 'electron';
import type { IpcMainInvokeEvent } from 'electron';
import { dispatch } from '../../core/contract/index.ts';
import type { CallResult, Handlers, HostFrame } from '../../core/contract/index.ts';
import { callChannel, pushChannel } from './channels.ts';
import { isOwnUrl } from './origin.ts';

/** Answers the window's calls. Every request is validated by `dispatch`, every sender here; refusals cross as data. */
export function answerCalls(handlers: Handlers, onUnexpected: (error: unknown) => void): void {
  ipcMain.handle(callChannel, (event, name: unknown, request: unknown): Promise<CallResult> | CallResult => {
    if (isTrusted(event)) return dispatch(handlers, name, request, onUnexpected);
    onUnexpected(new Error(`A call came from ${event.senderFrame?.url ?? 'a frame that is gone'} and was refused.`));
    return { ok: false, error: { code: 'forbidden', message: 'This page may not call the host.', hint: null } };
  });
}

/** Only the top frame of our own page may call: an embedded or foreign page never. */
function isTrusted(event: IpcMainInvokeEvent): boolean {
  const frame = event.senderFrame;
  return frame !== null && frame.parent === null && isOwnUrl(frame.url);
}

/** Sends a frame to every window that can take it; one that missed a delta asks for a snapshot. */
export function pushFrame(frame: HostFrame): void {
  for (const window of BrowserWindow.getAllWindows()) {
    if (window.isDestroyed() || window.webContents.isDestroyed() || window.webContents.isCrashed()) continue;
    window.webContents.send(pushChannel, frame);
  }
}
