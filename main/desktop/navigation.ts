import { shell } from 'electron';
import type { Session, WebContents } from 'electron';
import { isOwnUrl } from './origin.ts';

/** Where a link may lead, in the system's browser: exactly these origins. */
const allowedOrigins: ReadonlySet<string> = new Set(['https://www.postgresql.org', 'https://www.cockroachlabs.com']);

/** Whether an address may be handed to the system's browser. */
export function mayOpenOutside(address: string): boolean {
  if (!URL.canParse(address)) return false;
  const url = new URL(address);
  return url.protocol === 'https:' && allowedOrigins.has(url.origin) && url.username === '' && url.password === '';
}

/** Opens an allowed address in the system's browser; anything else is dropped. A browser that does not start is no failure of ours. */
export function openOutside(address: string): void {
  if (mayOpenOutside(address)) void shell.openExternal(address).catch(() => undefined);
}

/** Keeps a page where it is: no navigation, no redirect, no new window, no embedded page. */
export function confine(contents: WebContents): void {
  contents.on('will-navigate', (event) => event.preventDefault());
  contents.on('will-frame-navigate', (event) => event.preventDefault());
  contents.on('will-redirect', (event) => event.preventDefault());
  contents.on('will-attach-webview', (event) => event.preventDefault());
  contents.setWindowOpenHandler(({ url }) => {
    openOutside(url);
    return { action: 'deny' };
  });
}

/** Denies every permission but writing text to the clipboard from our own page. */
export function denyPermissions(session: Session): void {
  session.setPermissionRequestHandler((contents, permission, callback) => {
    callback(permission === 'clipboard-sanitized-write' && isOwnUrl(contents.getURL()));
  });
  session.setPermissionCheckHandler((_contents, permission, origin) => permission === 'clipboard-sanitized-write' && isOwnUrl(origin));
  session.setDevicePermissionHandler(() => false);
}
