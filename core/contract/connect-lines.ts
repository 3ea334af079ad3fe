/**
 * Lines to paste: how a client connects. Made in the host for the endpoint map and in the window for what is copied there, hence here.
 * There is no way to put a password into one.
 */

/** What a client connects to. */
export interface ConnectTarget {
  /** Name, address, or the folder of a Unix socket. */
  readonly host: string;
  readonly port: number;
  /** Empty: the client's own. */
  readonly user: string;
  readonly database: string;
  /** What the proxy is asked for; null: no proxy is meant. */
  readonly endpoint: string | null;
  /** libpq's words for encryption and their values. */
  readonly tls: readonly TlsWord[];
}
export type TlsWord = readonly [name: string, value: string];

/** What clients of the proxy are offered of TLS; `authorityFile` null: the certificate is none of Switchyard's making. */
export interface OfferedTls {
  readonly clients: 'off' | 'allow' | 'require';
  readonly authorityFile: string | null;
}

/** The words with which libpq encrypts to the proxy, and verifies whom it talks to where the local authority makes that possible. */
export function clientTlsWords(host: string, { clients, authorityFile }: OfferedTls): TlsWord[] {
  if (clients === 'off') return [];
  if (authorityFile === null) return clients === 'require' ? [['sslmode', 'require']] : [];
  // The local certificate has this machine's names for itself, and no other.
  return [
    ['sslmode', isLoopback(host) ? 'verify-full' : 'verify-ca'],
    ['sslrootcert', authorityFile],
  ];
}

/** Whether only this machine can reach an address. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(?:\.\d{1,3}){3}$/.test(host);
}

/** A psql command for a POSIX shell. */
export function psqlLine({ host, port, user, database, endpoint, tls }: ConnectTarget): string {
  const words = [
    `host=${conninfo(host)}`,
    `port=${port}`,
    ...(user === '' ? [] : [`user=${conninfo(user)}`]),
    `dbname=${conninfo(database)}`,
    ...tls.map(([name, value]) => `${name}=${conninfo(value)}`),
    ...(endpoint === null ? [] : [`options='endpoint=${endpoint}'`]),
  ];
  return `psql "${words.join(' ')}"`;
}

/** A URL that drivers understand; the endpoint is the first part of its path. */
export function urlLine({ host, port, user, database, endpoint, tls }: ConnectTarget): string {
  const socket = host.startsWith('/');
  const address = socket ? '' : `${host.includes(':') ? `[${host}]` : host}:${port}`;
  const role = user === '' ? '' : `${encodeURIComponent(user)}@`;
  const path = `${endpoint === null ? '' : `${endpoint}/`}${encodeURIComponent(database)}`;
  const words = socket ? [['host', host] as const, ['port', String(port)] as const, ...tls] : tls;
  const query = words.map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join('&');
  return `postgresql://${role}${address}/${path}${query === '' ? '' : `?${query}`}`;
}

const environmentNames: Record<string, string> = {
  sslmode: 'PGSSLMODE',
  sslrootcert: 'PGSSLROOTCERT',
  sslcert: 'PGSSLCERT',
  sslkey: 'PGSSLKEY',
  sslnegotiation: 'PGSSLNEGOTIATION',
  channel_binding: 'PGCHANNELBINDING',
};

/** libpq's environment variables, one `export` a line, for a POSIX shell. */
export function environmentLines({ host, port, user, database, endpoint, tls }: ConnectTarget): string {
  const variables: [string, string][] = [
    ['PGHOST', host],
    ['PGPORT', String(port)],
    ...(user === '' ? [] : [['PGUSER', user] as [string, string]]),
    ['PGDATABASE', database],
    ...tls.flatMap(([name, value]): [string, string][] => {
      const variable = environmentNames[name];
      return variable === undefined ? [] : [[variable, value]];
    }),
    ...(endpoint === null ? [] : [['PGOPTIONS', `endpoint=${endpoint}`] as [string, string]]),
  ];
  return variables.map(([name, value]) => `export ${name}=${shellWord(value)}`).join('\n');
}

/** A line of a `.pgpass` file that wants its password added at the end. */
export function passLine({ host, port, user, database }: ConnectTarget): string {
  // libpq looks a socket's folder up under its own name, too.
  const parts = [host, String(port), database, user === '' ? '*' : user];
  return `${parts.map((part) => (part === '*' ? part : part.replace(/[\\:]/g, '\\$&'))).join(':')}:`;
}

/** A value of a connection string, quoted where libpq (and the shell's double quotes around it) want it. */
function conninfo(value: string): string {
  if (/^[A-Za-z0-9_./:-]+$/.test(value)) return value;
  return `'${value.replace(/[\\']/g, '\\$&')}'`.replace(/[\\"$`]/g, '\\$&');
}

function shellWord(value: string): string {
  return /^[A-Za-z0-9_./:=@%+-]+$/.test(value) ? value : `'${value.replaceAll("'", "'\\''")}'`;
}
