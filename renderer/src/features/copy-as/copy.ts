import type { EndpointRow, SessionRow } from '../../../../core/contract/index.ts';
import type { HostCall } from '../../bridge/client.ts';
import { plural } from '../../lib/format.ts';
import { useServer } from '../../store/server.ts';
import { say } from '../../store/toasts.ts';
import { targetAs, targetWords } from './lines.ts';
import type { TargetFormat } from './lines.ts';
import { sessionsAs } from './sessions.ts';
import type { SessionFormat } from './sessions.ts';
import { targetOfEndpoint, targetOfServer } from './targets.ts';
import type { Door } from './targets.ts';

const sessionWords: Record<SessionFormat, (count: number) => string> = {
  psql: (count) => (count === 1 ? 'a psql command' : `${count} psql commands`),
  url: (count) => (count === 1 ? 'a URL' : `${count} URLs`),
  environment: () => 'environment variables',
  json: () => 'JSON',
  markdown: (count) => (count === 1 ? 'a Markdown row' : 'a Markdown table'),
  table: () => 'a table',
};

/** Copies sessions, and says so. */
export async function copySessions(call: HostCall, format: SessionFormat, rows: readonly SessionRow[]): Promise<void> {
  const [first] = rows;
  const what = rows.length === 1 && first ? `session ${first.id}` : plural(rows.length, 'session');
  await copy(sessionsAs(format, rows, await door(call)), `Copied ${what} as ${sessionWords[format](rows.length)}.`);
}

/** Copies how to connect to an endpoint through the proxy, and says so. */
export async function copyEndpoint(call: HostCall, format: TargetFormat, row: EndpointRow): Promise<void> {
  const text = targetAs[format](targetOfEndpoint(row, await door(call), format));
  await copy(text, `Copied the ${targetWords[format]} of ${row.id}.`, hintOf(format));
}

/** Copies how to connect to the server of an endpoint past the proxy, and says so. */
export async function copyServer(format: TargetFormat, row: EndpointRow): Promise<void> {
  await copy(targetAs[format](targetOfServer(row)), `Copied the ${targetWords[format]} of ${row.backend}.`, hintOf(format));
}

function hintOf(format: TargetFormat): string | null {
  return format === 'pgpass' ? 'Add the password at its end.' : null;
}

async function door(call: HostCall): Promise<Door> {
  const { settings, authorityFile } = await call('settings.get', {});
  const { host } = useServer.getState();
  if (!host) throw new Error('The host has not said yet where clients connect.');
  return { proxy: host.proxy, offered: { clients: settings.tls.clients, authorityFile } };
}

async function copy(text: string, done: string, hint: string | null = null): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    say('The clipboard cannot be written to.', { tone: 'bad', hint: 'Allow it for this page, then try again.' });
    return;
  }
  say(done, { hint });
}
