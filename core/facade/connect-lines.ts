/** Lines to paste: how a client connects through the proxy to each endpoint. */
import type { EndpointRow, HostInfo, Settings } from '../contract/index.ts';
import { isLoopback } from './settings.ts';

/** What clients are offered of TLS; `authorityFile` null: whatever the certificate comes from, it is none of Switchyard's making. */
export interface OfferedTls {
  readonly clients: Settings['tls']['clients'];
  readonly authorityFile: string | null;
}

/**
 * A psql command and a URL per endpoint, in the order of the map. With the local authority psql verifies whom it talks to; a URL says
 * something of TLS only where it must, because drivers understand different words.
 */
export function connectLines(
  proxy: HostInfo['proxy'],
  endpoints: readonly Pick<EndpointRow, 'id' | 'user' | 'database'>[],
  tls: OfferedTls = { clients: 'off', authorityFile: null },
): HostInfo['connectLines'] {
  const words = tlsWords(proxy.host, tls);
  return endpoints.flatMap(({ id, user, database }) => [
    { endpoint: id, label: `psql to ${id}`, text: psqlLine(proxy, id, user, database, words) },
    { endpoint: id, label: `URL of ${id}`, text: urlLine(proxy, id, user, database, tls.clients === 'require' ? words : []) },
  ]);
}

type Word = readonly [name: string, value: string];

function tlsWords(host: string, { clients, authorityFile }: OfferedTls): Word[] {
  if (clients === 'off') return [];
  if (authorityFile === null) return clients === 'require' ? [['sslmode', 'require']] : [];
  // The local certificate has this machine's names for itself, and no other.
  return [
    ['sslmode', isLoopback(host) ? 'verify-full' : 'verify-ca'],
    ['sslrootcert', authorityFile],
  ];
}

function psqlLine(proxy: HostInfo['proxy'], id: string, user: string, database: string, tls: readonly Word[]): string {
  const words = [
    `host=${proxy.host}`,
    `port=${proxy.port}`,
    ...(user === '' ? [] : [`user=${conninfo(user)}`]),
    `dbname=${conninfo(database)}`,
    ...tls.map(([name, value]) => `${name}=${conninfo(value)}`),
  ];
  return `psql "${words.join(' ')} options='endpoint=${id}'"`;
}

function urlLine(proxy: HostInfo['proxy'], id: string, user: string, database: string, tls: readonly Word[]): string {
  const host = proxy.host.includes(':') ? `[${proxy.host}]` : proxy.host;
  const role = user === '' ? '' : `${encodeURIComponent(user)}@`;
  const query = tls.map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join('&');
  return `postgresql://${role}${host}:${proxy.port}/${id}/${encodeURIComponent(database)}${query === '' ? '' : `?${query}`}`;
}

/** A value of a connection string, quoted where libpq (and the shell's double quotes around it) want it. */
function conninfo(value: string): string {
  if (/^[A-Za-z0-9_./-]+$/.test(value)) return value;
  return `'${value.replace(/[\\']/g, '\\$&')}'`.replace(/[\\"$`]/g, '\\$&');
}
