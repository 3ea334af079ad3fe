import { electronTransport } from './electron.ts';
import { takeToken } from './token.ts';
import type { Transport } from './transport.ts';
import { webSocketTransport } from './websocket.ts';

/** The transport for where this page finds itself: Electron's preload if it is there, else the host that served the page. */
export function chooseTransport(page: Window): Transport {
  if (page.switchyard) return electronTransport(page.switchyard);
  const address = new URL('/ws', page.location.href);
  address.protocol = page.location.protocol === 'https:' ? 'wss:' : 'ws:';
  address.hash = '';
  return webSocketTransport(address.href, takeToken(page.location, page.sessionStorage, page.history));
}
