import type { EndpointRow } from '../../../../core/contract/index.ts';

/** The address of an endpoint as it can be shown: never with a password, which this window does not know. */
export function urlOf(endpoint: Pick<EndpointRow, 'user' | 'host' | 'port' | 'database'>): string {
  const user = endpoint.user === '' ? '' : `${encodeURIComponent(endpoint.user)}@`;
  const host = endpoint.host.includes(':') ? `[${endpoint.host}]` : endpoint.host;
  return `postgresql://${user}${host}:${endpoint.port}/${encodeURIComponent(endpoint.database)}`;
}

/** Takes a password out of a pasted URL, so that it does not stay in sight. `password` null: there was none. */
export function splitPassword(text: string): { url: string; password: string | null } {
  const match = /^(postgres(?:ql)?:\/\/[^:@/?#]*):([^@]*)@(.*)$/is.exec(text);
  if (!match) return { url: text, password: null };
  const [, before = '', password = '', after = ''] = match;
  return { url: `${before}@${after}`, password: decode(password) };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
