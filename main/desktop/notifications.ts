import { BrowserWindow, Notification } from 'electron';
import type { Notice } from './notices.ts';

/** Notifications that are on the screen; kept, because one that is collected no longer hears its click. */
const shown = new Set<Notification>();
/** Most of them at once: a desktop keeps its own list of older ones. */
const MOST = 20;

/** Whether this desktop shows notifications at all. */
export function notificationsPossible(): boolean {
  return Notification.isSupported();
}

/** Shows a notice, unless somebody looks at a window of ours and sees it there. A click leads to its view. */
export function notify(notice: Notice, open: (navigate: string) => void): void {
  if (BrowserWindow.getFocusedWindow() !== null || !notificationsPossible()) return;
  const notification = new Notification({ title: notice.title, body: notice.body, silent: true });
  const forget = (): void => void shown.delete(notification);
  notification.on('click', () => {
    forget();
    open(notice.navigate);
  });
  notification.on('close', forget);
  notification.on('failed', forget);
  shown.add(notification);
  for (const oldest of shown) {
    if (shown.size <= MOST) break;
    shown.delete(oldest);
  }
  notification.show();
}
