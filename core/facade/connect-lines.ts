/** Lines to paste: how a client connects through the proxy to each endpoint. */
import { clientTlsWords, psqlLine, urlLine } from '../contract/index.ts';
import type { EndpointRow, HostInfo, OfferedTls } from '../contract/index.ts';

/**
 * A psql command and a URL per endpoint, in the order of the map. With the local authority psql verifies whom it talks to; a URL says
 * something of TLS only where it must, because drivers understand different words.
 */
export function connectLines(
  proxy: HostInfo['proxy'],
  endpoints: readonly Pick<EndpointRow, 'id' | 'user' | 'database'>[],
  offered: OfferedTls = { clients: 'off', authorityFile: null },
): HostInfo['connectLines'] {
  const tls = clientTlsWords(proxy.host, offered);
  return endpoints.flatMap(({ id, user, database }) => {
    const target = { ...proxy, user, database, endpoint: id };
    return [
      { endpoint: id, label: `psql to ${id}`, text: psqlLine({ ...target, tls }) },
      { endpoint: id, label: `URL of ${id}`, text: urlLine({ ...target, tls: offered.clients === 'require' ? tls : [] }) },
    ];
  });
}
