import { clientTlsWords } from '../../../../core/contract/index.ts';
import type { ConnectTarget, EndpointRow, HostInfo, OfferedTls, SessionRow } from '../../../../core/contract/index.ts';

/** The proxy, as clients reach it. */
export interface Door {
  proxy: HostInfo['proxy'];
  offered: OfferedTls;
}

/** How to connect as the client of a session did: through the proxy, to the endpoint where it is now. */
export function targetOfSession({ user, database, endpoint }: SessionRow, door: Door, format: string): ConnectTarget {
  return { ...door.proxy, user, database, endpoint, tls: tlsOf(door, format) };
}

/** How to connect to an endpoint, through the proxy. */
export function targetOfEndpoint({ id, user, database }: EndpointRow, door: Door, format: string): ConnectTarget {
  return { ...door.proxy, user, database, endpoint: id, tls: tlsOf(door, format) };
}

/** A URL says something of TLS only where it must, because drivers understand different words. */
function tlsOf({ proxy, offered }: Door, format: string): ConnectTarget['tls'] {
  return format === 'url' && offered.clients !== 'require' ? [] : clientTlsWords(proxy.host, offered);
}

/** How to connect to the server of an endpoint, past the proxy. */
export function targetOfServer({ host, port, user, database, url }: EndpointRow): ConnectTarget {
  const query = url.split('?')[1] ?? '';
  return { host, port, user, database, endpoint: null, tls: [...new URLSearchParams(query)].filter(([name]) => tlsWords.has(name)) };
}

const tlsWords = new Set(['sslmode', 'sslrootcert', 'sslcert', 'sslkey', 'sslnegotiation', 'channel_binding']);
