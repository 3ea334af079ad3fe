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

/** libpq's words for how a server connection is encrypted, weakest first, and what each means. */
export const sslModes = [
  { value: 'disable', label: 'disable', means: 'Never encrypted.' },
  { value: 'allow', label: 'allow', means: 'Encrypted only if the server insists.' },
  { value: 'prefer', label: 'prefer', means: 'Encrypted if the server can; the certificate is not looked at.' },
  { value: 'require', label: 'require', means: 'Encrypted; the certificate is checked only if a root file is given.' },
  { value: 'verify-ca', label: 'verify-ca', means: 'Encrypted; the certificate leads to the root.' },
  { value: 'verify-full', label: 'verify-full', means: 'Encrypted; the certificate leads to the root and is made out to this host.' },
] as const;

/** The parameters of a URL that say how its connection is encrypted, as libpq names them. */
export const tlsParameters = ['sslmode', 'sslrootcert', 'sslcert', 'sslkey'] as const;
export type TlsParameter = (typeof tlsParameters)[number];

/** What a URL says of encryption; empty where it says nothing. */
export function tlsOf(url: string): Record<TlsParameter, string> {
  const query = new URLSearchParams(splitQuery(url).query);
  return Object.fromEntries(tlsParameters.map((name) => [name, query.get(name) ?? ''])) as Record<TlsParameter, string>;
}

/** The URL with one of these parameters changed, or without it when `value` is empty. Everything else stays as it was typed. */
export function withTls(url: string, name: TlsParameter, value: string): string {
  const { address, query } = splitQuery(url);
  const kept = query.split('&').filter((part) => part !== '' && part.split('=')[0] !== name);
  // Slashes are legal in a query, and a path is easier to read with them.
  const added = value === '' ? [] : [`${name}=${encodeURIComponent(value).replaceAll('%2F', '/')}`];
  const all = [...kept, ...added];
  return all.length === 0 ? address : `${address}?${all.join('&')}`;
}

function splitQuery(url: string): { address: string; query: string } {
  const at = url.indexOf('?');
  return at < 0 ? { address: url, query: '' } : { address: url.slice(0, at), query: url.slice(at + 1) };
}

/** Server, port and role of a URL: what a password belongs to. */
export function addressOf(url: string): string {
  return splitQuery(url).address.replace(/^([a-z]+:\/\/[^/]*).*$/i, '$1');
}
