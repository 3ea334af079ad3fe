/** The parameters of a backend's URL that say how it is encrypted; names, values and rules are libpq's ("Parameter Key Words"). */
import { CallError } from '../contract/index.ts';
import { PREFER_TLS, tlsModes, type BackendTls, type TlsMode } from '../tls/backend-tls.ts';

const names = new Set(['sslmode', 'sslrootcert', 'sslcert', 'sslkey', 'sslnegotiation', 'channel_binding']);

export function isTlsParameter(name: string): boolean {
  return names.has(name);
}

/** Reads them. Throws `CallError` (`invalid_url`) for values that libpq does not know or would not put together. */
export function parseTlsParameters(parameters: URLSearchParams): BackendTls {
  const rootCert = fileOf(parameters, 'sslrootcert');
  const mode = modeOf(parameters.get('sslmode') ?? (rootCert === 'system' ? 'verify-full' : PREFER_TLS.mode));
  if (rootCert === 'system' && mode !== 'verify-full') {
    throw invalid(
      `sslmode=${mode} may not be used with sslrootcert=system.`,
      'Everybody can get a certificate from an authority that machines trust: use sslmode=verify-full, which looks at the name too.',
    );
  }
  const cert = fileOf(parameters, 'sslcert');
  const key = fileOf(parameters, 'sslkey');
  if ((cert === null) !== (key === null)) {
    throw invalid(
      `The URL names ${cert === null ? 'sslkey without sslcert' : 'sslcert without sslkey'}.`,
      'A client certificate needs both.',
    );
  }
  return {
    mode,
    rootCert,
    cert,
    key,
    direct: isDirect(parameters.get('sslnegotiation') ?? 'postgres', mode),
    channelBinding: bindingOf(parameters.get('channel_binding') ?? PREFER_TLS.channelBinding),
  };
}

/** The same as the end of a URL, `?` included; empty for the defaults. Slashes stay readable: they are legal in a query. */
export function formatTlsParameters({ mode, rootCert, cert, key, direct, channelBinding }: BackendTls): string {
  const said: [string, string | null][] = [
    ['sslmode', mode === PREFER_TLS.mode ? null : mode],
    ['sslrootcert', rootCert],
    ['sslcert', cert],
    ['sslkey', key],
    ['sslnegotiation', direct ? 'direct' : null],
    ['channel_binding', channelBinding === PREFER_TLS.channelBinding ? null : channelBinding],
  ];
  const parts = said.flatMap(([name, value]) => (value === null ? [] : [`${name}=${encodeURIComponent(value).replaceAll('%2F', '/')}`]));
  return parts.length === 0 ? '' : `?${parts.join('&')}`;
}

function modeOf(value: string): TlsMode {
  const mode = tlsModes.find((each) => each === value);
  if (mode !== undefined) return mode;
  throw invalid(`"${value}" is not an sslmode.`, `libpq knows ${tlsModes.join(', ')}.`);
}

function isDirect(value: string, mode: TlsMode): boolean {
  if (value === 'postgres') return false;
  if (value !== 'direct') throw invalid(`"${value}" is not an sslnegotiation.`, 'libpq knows postgres and direct.');
  if (mode !== 'disable' && mode !== 'allow' && mode !== 'prefer') return true;
  throw invalid(`sslmode=${mode} may not be used with sslnegotiation=direct.`, 'Use sslmode=require, verify-ca or verify-full.');
}

function bindingOf(value: string): BackendTls['channelBinding'] {
  if (value === 'disable' || value === 'prefer' || value === 'require') return value;
  throw invalid(`"${value}" is not a channel_binding.`, 'libpq knows disable, prefer and require.');
}

function fileOf(parameters: URLSearchParams, name: string): string | null {
  const value = parameters.get(name) ?? '';
  return value === '' ? null : value;
}

function invalid(message: string, hint: string): CallError {
  return new CallError('invalid_url', message, hint);
}
