/** What the headless host says once it is ready: lines for people, or one line of JSON for a script. */
import type { Snapshot } from '../../core/contract/index.ts';

/** What there is to say. */
export interface Announcement {
  snapshot: Pick<Snapshot, 'host' | 'endpoints'>;
  /** The address to open, with its token. */
  url: string;
}

/** `{"proxy":{"host","port"},"ui":{"url"},"endpoints":[{"id","backend"}]}`, without a line break. */
export function announceToScripts({ snapshot, url }: Announcement): string {
  const { host, port } = snapshot.host.proxy;
  const endpoints = snapshot.endpoints.map(({ id, backend }) => ({ id, backend }));
  return JSON.stringify({ proxy: { host, port }, ui: { url }, endpoints });
}

/** Several lines: the address first, then what to paste. */
export function announceToPeople({ snapshot, url }: Announcement): string {
  const { proxy, wantedPort, demo } = snapshot.host;
  const lines = ['', 'Switchyard is running. Open', '', `  ${url}`, ''];
  if (wantedPort !== null) lines.push(`Port ${wantedPort} was taken, so the proxy listens on ${proxy.port} instead.`, '');
  if (snapshot.endpoints.length === 0) {
    lines.push('There is no endpoint yet: add one on that page.');
    if (demo.state === 'failed') lines.push(`The demo did not start: ${demo.reason ?? 'no reason given'}`);
    return [...lines, ...farewell].join('\n');
  }
  lines.push(demo.state === 'running' ? 'Two demo servers are up. Connect through the proxy:' : 'Connect through the proxy:', '');
  for (const { id, backend, user, database } of snapshot.endpoints) {
    lines.push(`  ${id} (${backend})`, `    ${psqlLine(proxy, id, user, database)}`, `    ${urlLine(proxy, id, user, database)}`);
  }
  return [...lines, ...farewell].join('\n');
}

const farewell = ['', 'Ctrl+C ends it.', ''];

function psqlLine(proxy: { host: string; port: number }, id: string, user: string, database: string): string {
  const words = [
    `host=${proxy.host}`,
    `port=${proxy.port}`,
    ...(user === '' ? [] : [`user=${conninfo(user)}`]),
    `dbname=${conninfo(database)}`,
  ];
  return `psql "${words.join(' ')} options='endpoint=${id}'"`;
}

function urlLine(proxy: { host: string; port: number }, id: string, user: string, database: string): string {
  const host = proxy.host.includes(':') ? `[${proxy.host}]` : proxy.host;
  const role = user === '' ? '' : `${encodeURIComponent(user)}@`;
  return `postgresql://${role}${host}:${proxy.port}/${id}/${encodeURIComponent(database)}`;
}

/** A value of a connection string, quoted where libpq (and the shell's double quotes around it) want it. */
function conninfo(value: string): string {
  if (/^[A-Za-z0-9_.-]+$/.test(value)) return value;
  return `'${value.replace(/[\\']/g, '\\$&')}'`.replace(/[\\"$`]/g, '\\$&');
}
