/** The login of one connection: revival token, password or SCRAM; then what a session begins with. */
import { makeVerifier, parseVerifier } from '../../../core/auth/verifier.ts';
import { ServerScram } from '../../../core/auth/server-scram.ts';
import { LoginRefusal } from '../../../core/auth/login-refusal.ts';
import { Client, Server } from '../../../core/wire/codes.ts';
import { readCString } from '../../../core/wire/message-reader.ts';
import { authenticationOk, backendKeyData, cstring, frame, int32, parameterStatus, readyForQuery } from '../../../core/wire/messages.ts';
import type { Cluster } from './cluster.ts';
import type { Inbox } from './inbox.ts';
import type { Output } from './output.ts';
import { SessionState } from './session-state.ts';
import { Settings } from './settings.ts';
import { Gone, SqlError } from './sql-error.ts';
import { checkToken } from './token.ts';

/** The two names that no client may give; a server reads parameter names in lower case. */
export const TOKEN_PARAMETER = 'crdb:session_revival_token_base64';
export const ADDRESS_PARAMETER = 'crdb:remote_addr';

/** `FaultOptions.text` of the knobs `startup` and `auth` for logins by token only. */
export const BY_TOKEN = 'by token';

/** What a login goes by. */
export interface LoginOptions {
  readonly cluster: Cluster;
  readonly inbox: Inbox;
  readonly output: Output;
  /** Names in lower case. */
  readonly parameters: ReadonlyMap<string, string>;
  readonly pid: number;
  readonly secret: Buffer;
  /** ParameterStatus messages beside CockroachDB's thirteen. */
  readonly moreParameters: number;
  /** What this pod reports where it differs from the cluster: during a rolling upgrade. */
  readonly version: string | null;
}

/** Lets the client in or rejects with `SqlError`, whose words go out as FATAL, or `Gone`. */
export async function logIn(options: LoginOptions): Promise<SessionState> {
  const { cluster, output, parameters } = options;
  const user = parameters.get('user') ?? '';
  const token = parameters.get(TOKEN_PARAMETER);
  const how = token === undefined ? '' : BY_TOKEN;
  await output.say(Buffer.alloc(0), 'startup', how);
  if (token === undefined) await authenticate(options, user);
  else {
    if (!cluster.revivalTokens) throw new SqlError('28000', 'session revival tokens are not supported on this cluster');
    checkToken(cluster.signingSecret, token, user, cluster.now());
  }
  await output.say(authenticationOk, 'auth', how);
  const settings = new Settings(
    new Map([
      ...parameters,
      ['crdb_version', options.version ?? cluster.version],
      ['session_authorization', user],
      ['is_superuser', user === 'root' ? 'on' : 'off'],
    ]),
  );
  for (const [name, value] of settings.reports()) await output.say(parameterStatus(name, value));
  for (let i = 1; i <= options.moreParameters; i++) await output.say(parameterStatus(`test_parameter_${i}`, String(i)));
  await output.say(backendKeyData(options.pid, options.secret));
  await output.say(readyForQuery());
  await output.flush();
  return new SessionState(user, settings);
}

async function authenticate(options: LoginOptions, user: string): Promise<void> {
  const { cluster, output } = options;
  if (cluster.authentication === 'trust') return;
  const password = cluster.users.get(user)?.password;
  if (cluster.authentication === 'password') {
    await output.say(frame(Server.Authentication, int32(3)));
    await output.flush();
    if (readCString(await reply(options.inbox), 0).text !== password) throw refused(user);
    return;
  }
  await scram(options, user, password ?? null);
}

async function scram({ inbox, output }: LoginOptions, user: string, password: string | null): Promise<void> {
  const verifier = parseVerifier(await makeVerifier(password ?? 'nobody has this password'));
  if (verifier?.kind !== 'scram') throw new Error('there is no verifier');
  const exchange = new ServerScram(verifier, null);
  try {
    await output.say(frame(Server.Authentication, int32(10), ...exchange.mechanisms.map((name) => cstring(name)), Buffer.from([0])));
    await output.flush();
    const first = await reply(inbox);
    const { text: mechanism, end } = readCString(first, 0);
    exchange.begin(mechanism);
    await output.say(frame(Server.Authentication, int32(11), Buffer.from(exchange.first(first.subarray(end + 4)), 'utf8')));
    await output.flush();
    const proof = exchange.final(await reply(inbox));
    if (proof === null || password === null) throw refused(user);
    await output.say(frame(Server.Authentication, int32(12), Buffer.from(proof.serverFinal, 'utf8')));
  } catch (error) {
    throw error instanceof LoginRefusal ? new SqlError(error.sqlState, error.message) : error;
  }
}

async function reply(inbox: Inbox): Promise<Buffer> {
  const message = await inbox.next();
  if (message === null) throw new Gone('the client left during its login');
  if (message.type !== Client.Password) throw new SqlError('08P01', 'expected a password message');
  return message.body;
}

function refused(user: string): SqlError {
  return new SqlError('28P01', `password authentication failed for user ${user}`);
}
