import type { HostInfo } from '../../../../core/contract/index.ts';

/** How a client is told where to connect. */
export type ClientKind = 'psql' | 'url' | 'node' | 'python' | 'jdbc';

/** The kinds as choices. */
export const clientKinds: readonly { value: ClientKind; label: string }[] = [
  { value: 'psql', label: 'psql' },
  { value: 'url', label: 'URL' },
  { value: 'node', label: 'Node' },
  { value: 'python', label: 'Python' },
  { value: 'jdbc', label: 'JDBC' },
];

/** What to paste to connect through the proxy to an endpoint; null: the host names no line for it. */
export function clientLine(lines: HostInfo['connectLines'], endpoint: string, kind: ClientKind): string | null {
  const own = lines.filter((line) => line.endpoint === endpoint).map(({ text }) => text);
  const url = own.find((text) => text.startsWith('postgresql://'));
  if (kind === 'psql') return own.find((text) => text.startsWith('psql ')) ?? null;
  if (url === undefined) return null;
  switch (kind) {
    case 'url':
      return url;
    case 'node':
      return `new pg.Client({ connectionString: ${quoted(url)} })`;
    case 'python':
      return `psycopg.connect(${JSON.stringify(url)})`;
    case 'jdbc':
      return jdbc(url);
  }
}

/** The driver's URL has no place for the role before the host. */
function jdbc(url: string): string {
  const [, role, rest = '', query] = /^postgresql:\/\/(?:([^@/]*)@)?([^?]*)(?:\?(.*))?$/.exec(url) ?? [];
  const words = [...(role === undefined ? [] : [`user=${role}`]), ...(query === undefined ? [] : [query])];
  return `jdbc:postgresql://${rest}${words.length === 0 ? '' : `?${words.join('&')}`}`;
}

function quoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}
