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
  const { proxy, wantedPort, demo, connectLines } = snapshot.host;
  const lines = ['', 'Switchyard is running. Open', '', `  ${url}`, ''];
  if (wantedPort !== null) lines.push(`Port ${wantedPort} was taken, so the proxy listens on ${proxy.port} instead.`, '');
  if (snapshot.endpoints.length === 0) {
    lines.push('There is no endpoint yet: add one on that page.');
    if (demo.state === 'failed') lines.push(`The demo did not start: ${demo.reason ?? 'no reason given'}`);
    return [...lines, ...farewell].join('\n');
  }
  lines.push(demo.state === 'running' ? 'Two demo servers are up. Connect through the proxy:' : 'Connect through the proxy:', '');
  for (const { id, backend } of snapshot.endpoints) {
    lines.push(`  ${id} (${backend})`);
    for (const line of connectLines) if (line.endpoint === id) lines.push(`    ${line.text}`);
  }
  return [...lines, ...farewell].join('\n');
}

const farewell = ['', 'Ctrl+C ends it.', ''];
