/** The command line, the same for every shell: what was asked for, or why it cannot be understood. */
import { isIP } from 'node:net';
import { parseArgs, type ParseArgsConfig } from 'node:util';
import { authenticationMethod, CallError, poolMode, poolProfile, type Settings } from '../../core/contract/index.ts';
import { parseEndpointMap, type EndpointSpec } from '../../core/endpoints/map.ts';

/** A local address; port 0 is any free one. */
export interface Address {
  host: string;
  port: number;
}

/** What was asked for. */
export interface CommandLine {
  headless: boolean;
  json: boolean;
  /** True when `--demo` or `--workload` was given. */
  demoAsked: boolean;
  workload: boolean;
  /** Where the proxy listens; a port that is taken gives way to the next free one. */
  listen: Address;
  /** Where the headless host serves the window. */
  ui: Address;
  endpoints: EndpointSpec[];
  defaultEndpoint: string | null;
  /** The settings file that was asked for. */
  settingsFile: string | null;
  /** Settings given on the command line; null: as the file has it. */
  unknownEndpoint: Settings['unknownEndpoint'] | null;
  tls: Settings['tls']['clients'] | null;
  auth: Settings['authentication']['method'] | null;
  poolMode: Settings['pooling']['mode'] | null;
  poolProfile: Settings['pooling']['profile'] | null;
  /** Null: the core's default. */
  poolSize: number | null;
  /** Let sessions move to servers of an older major version. */
  allowOlderServer: boolean;
  /** Whether to open a browser; null: when there is a display. */
  open: boolean | null;
}

/** What to do. */
export type Invocation = { action: 'run'; options: CommandLine } | { action: 'help' } | { action: 'version' };

/** The command line cannot be understood; the message says what to write instead. Exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** Port of the proxy unless another is asked for. */
export const defaultPort = 6432;

/** What `--help` prints. */
export const usage = `Switchyard: a control room for PostgreSQL connections.

npm start -- [options]

  --endpoint-map ep-a=postgresql://…,ep-b=postgresql://…
                         your servers, by the names that clients ask for; a comma inside a URL is %2C
  --default-endpoint ID  for clients that name none (the first of the map)
  --unknown-endpoint default|refuse
                         what becomes of a client that names an unknown one (default)
  --listen HOST:PORT     where clients connect (127.0.0.1:${defaultPort}); a taken port gives way to the next free one,
                         port 0 is any free one; anything but loopback needs another --auth than trust
  --settings FILE        the settings, JSON, made when it is missing (with a window of its own: a file of yours in the
                         usual place; without one: in memory only)
  --tls off|allow|require
                         encryption of clients' connections (off); without a certificate in the settings a local one is
                         made
  --auth trust|scram-sha-256|md5|password
                         how clients prove who they are (trust)
  --pool-size N          server connections per backend, database and role (200)
  --tcp-pool-mode session|transaction
                         when a client gives its server connection back: when it leaves (session), or after every
                         transaction
  --pool-profile strict|compatible|observe
                         what becomes of session state in transaction mode that cannot be carried (strict: it pins)
  --allow-older-server   let sessions move to servers of an older major version, too

  --demo                 two PostgreSQL servers to play with, ep-a and ep-b; starts by itself when there are no endpoints,
                         neither given here nor kept beside the settings
  --workload             the demo's clients, at work from the start

  --headless             no window of its own: serve it to a browser
  --ui 127.0.0.1:PORT    where to serve it (127.0.0.1:0, any free port)
  --open, --no-open      open a browser, or do not (only when there is a display)
  --json                 for scripts: headless, one line of JSON on standard output once ready

  --help, --version
`;

const flags = {
  headless: { type: 'boolean' },
  json: { type: 'boolean' },
  demo: { type: 'boolean' },
  workload: { type: 'boolean' },
  listen: { type: 'string' },
  ui: { type: 'string' },
  'endpoint-map': { type: 'string' },
  'default-endpoint': { type: 'string' },
  'unknown-endpoint': { type: 'string' },
  'pool-size': { type: 'string' },
  'tcp-pool-mode': { type: 'string' },
  'pool-profile': { type: 'string' },
  'allow-older-server': { type: 'boolean' },
  settings: { type: 'string' },
  tls: { type: 'string' },
  auth: { type: 'string' },
  open: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean' },
} as const satisfies ParseArgsConfig['options'];

/**
 * Reads the words after the program's name.
 * @throws UsageError
 */
export function parseCommandLine(words: readonly string[]): Invocation {
  const values = readFlags(words);
  if (values.help === true) return { action: 'help' };
  if (values.version === true) return { action: 'version' };

  const endpoints = readMap(values['endpoint-map']);
  const workload = values.workload ?? false;
  const demoAsked = workload || (values.demo ?? false);
  if (endpoints.length > 0 && values.demo === true)
    throw new UsageError('--demo and --endpoint-map exclude each other: the demo brings its own map.');
  if (endpoints.length > 0 && workload) throw new UsageError('--workload belongs to the demo; it does not run against your servers.');
  const defaultEndpoint = values['default-endpoint'] ?? null;
  const json = values.json ?? false;
  return {
    action: 'run',
    options: {
      headless: json || (values.headless ?? false),
      json,
      demoAsked,
      workload,
      listen: readAddress('--listen', values.listen ?? `127.0.0.1:${defaultPort}`),
      ui: readWindowAddress(values.ui ?? '127.0.0.1:0'),
      endpoints,
      defaultEndpoint,
      settingsFile: readFileName(values.settings),
      unknownEndpoint: readChoice('--unknown-endpoint', values['unknown-endpoint'], ['default', 'refuse']),
      tls: readChoice('--tls', values.tls, ['off', 'allow', 'require']),
      auth: readChoice('--auth', values.auth, authenticationMethod.options),
      poolMode: readChoice('--tcp-pool-mode', values['tcp-pool-mode'], poolMode.options),
      poolProfile: readChoice('--pool-profile', values['pool-profile'], poolProfile.options),
      poolSize: readPoolSize(values['pool-size']),
      allowOlderServer: values['allow-older-server'] ?? false,
      open: values.open ?? null,
    },
  };
}

/** `--no-open` and the like are read by `allowNegative`, which came with Node 20.17. */
function readFlags(words: readonly string[]) {
  try {
    const { values, tokens } = parseArgs({
      args: [...words],
      options: flags,
      strict: true,
      allowPositionals: false,
      allowNegative: true,
      tokens: true,
    });
    const negated = tokens.find((token) => token.kind === 'option' && token.rawName.startsWith('--no-') && token.name !== 'open');
    if (negated?.kind === 'option') throw new UsageError(`There is no option ${negated.rawName}. See --help.`);
    return values;
  } catch (error) {
    if (error instanceof UsageError || !(error instanceof TypeError)) throw error;
    // The first sentence is for people, the rest explains positional arguments at length.
    throw new UsageError(`${error.message.split(/\.(?=\s)|\n/, 1)[0]}. See --help.`);
  }
}

function readMap(text: string | undefined): EndpointSpec[] {
  if (text === undefined) return [];
  try {
    const endpoints = parseEndpointMap(text);
    if (endpoints.length === 0) throw new UsageError('--endpoint-map is empty. Write ep-a=postgresql://user@host:port/database,…');
    return endpoints;
  } catch (error) {
    if (!(error instanceof CallError)) throw error;
    throw new UsageError(`--endpoint-map: ${error.message}${error.hint === null ? '' : ` ${error.hint}`}`);
  }
}

function readAddress(flag: string, text: string): Address {
  const [, bracketed, plain, digits] = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  const port = Number(digits);
  if (host === undefined || port > 65_535 || (bracketed !== undefined && isIP(bracketed) !== 6)) {
    throw new UsageError(`${flag} ${text}: write host:port, for example 127.0.0.1:0.`);
  }
  return { host, port };
}

function readWindowAddress(text: string): Address {
  const address = readAddress('--ui', text);
  if (address.host === '127.0.0.1') return address;
  throw new UsageError(`--ui ${text}: the window is served on 127.0.0.1 only, by this very address.`);
}

function readChoice<Choice extends string>(flag: string, text: string | undefined, choices: readonly Choice[]): Choice | null {
  if (text === undefined) return null;
  const choice = choices.find((each) => each === text);
  if (choice !== undefined) return choice;
  throw new UsageError(`${flag} ${text}: write ${choices.slice(0, -1).join(', ')} or ${choices.at(-1)}.`);
}

function readFileName(text: string | undefined): string | null {
  if (text === '') throw new UsageError('--settings: write the name of a file.');
  return text ?? null;
}

function readPoolSize(text: string | undefined): number | null {
  if (text === undefined) return null;
  const size = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (size < 1 || size > 10_000) throw new UsageError(`--pool-size ${text}: write a number from 1 to 10000.`);
  return size;
}
