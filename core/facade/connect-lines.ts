/** Lines to paste: how a client connects through the proxy to each endpoint. */
import type { EndpointRow, HostInfo } from '../contract/index.ts';

/** A psql command and a URL per endpoint, in the order of the map. */
export function connectLines(
  proxy: HostInfo['proxy'],
  endpoints: readonly Pick<EndpointRow, 'id' | 'user' | 'database'>[],
): HostInfo['connectLines'] {
  return endpoints.flatMap(({ id, user, database }) => [
    { endpoint: id, label: `psql to ${id}`, text: psqlLine(proxy, id, user, database) },
    { endpoint: id, label: `URL of ${id}`, text: urlLine(proxy, id, user, database) },
  ]);
}

function psqlLine(proxy: HostInfo['proxy'], id: string, user: string, database: string): string {
  const words = [
    `host=${proxy.host}`,
    `port=${proxy.port}`,
    ...(user === '' ? [] : [`user=${conninfo(user)}`]),
    `dbname=${conninfo(database)}`,
  ];
  return `psql "${words.join(' ')} options='endpoint=${id}'"`;
}

function urlLine(proxy: HostInfo['proxy'], id: string, user: string, database: string): string {
  const host = proxy.host.includes(':') ? `[${proxy.host}]` : proxy.host;
  const role = user === '' ? '' : `${encodeURIComponent(user)}@`;
  return `postgresql://${role}${host}:${proxy.port}/${id}/${encodeURIComponent(database)}`;
}

/** A value of a connection string, quoted where libpq (and the shell's double quotes around it) want it. */
function conninfo(value: string): string {
  if (/^[A-Za-z0-9_.-]+$/.test(value)) return value;
  return `'${value.replace(/[\\']/g, '\\$&')}'`.replace(/[\\"$`]/g, '\\$&');
}
