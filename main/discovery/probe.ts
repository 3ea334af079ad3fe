/** Asks a place whether a PostgreSQL server answers there, and which. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { userInfo } from 'node:os';
import { DialFailure, dial } from '../../core/backend/dial.ts';
import { loginFor } from '../../core/backend/login.ts';
import type { PasswordFile } from '../../core/backend/passfile.ts';
import type { ServerConnection } from '../../core/backend/server-connection.ts';
import { dialAddress, parseBackendUrl, type BackendSpec } from '../../core/endpoints/map.ts';
import type { Candidate } from './candidates.ts';

/** What a place said. */
export interface Answer {
  readonly spec: BackendSpec;
  readonly answers: boolean;
  readonly message: string;
  readonly hint: string | null;
  readonly version: string | null;
}

/** For the first question, and for each login, milliseconds. */
const GREETING_MS = 1_000;
const LOGIN_MS = 3_500;
/** SSLRequest (PostgreSQL manual, "Message Formats"): the one question that a server answers with a single byte. */
const SSL_REQUEST = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]);

/** Null: nobody there speaks the protocol. Never rejects; leaves no connection behind. */
export async function probe(candidate: Candidate, passwordFile: PasswordFile | null): Promise<Answer | null> {
  if (!(await speaksPostgres(candidate))) return null;
  const found: Answer[] = [];
  for (const user of rolesToTry(candidate.port)) {
    const answer = await login(specOf(candidate, user), passwordFile);
    if (answer.answers) return answer;
    found.push(answer);
  }
  return found[0] ?? null;
}

/** Servers are made with the role `postgres`, or with the one of who made them; CockroachDB, on ports of its own, with `root`. */
function rolesToTry(port: number): string[] {
  if (port >= 26_257 && port <= 26_260) return ['root'];
  let own = 'postgres';
  try {
    own = userInfo().username;
  } catch {
    // A user without an entry in the system's list has no name.
  }
  return [...new Set(['postgres', own])];
}

function specOf({ host, port, via }: Candidate, user: string): BackendSpec {
  const address = via === 'socket' ? encodeURIComponent(host) : host;
  // Every server has a database `postgres`: CockroachDB too.
  return parseBackendUrl(`postgresql://${encodeURIComponent(user)}@${address}:${port}/postgres`);
}

async function speaksPostgres(candidate: Candidate): Promise<boolean> {
  const socket = connect(dialAddress(candidate));
  const timer = setTimeout(() => socket.destroy(new Error('it took too long')), GREETING_MS);
  try {
    await once(socket, 'connect');
    socket.write(SSL_REQUEST);
    const [data] = (await Promise.race([once(socket, 'data'), once(socket, 'close').then(() => [])])) as [Buffer?];
    // Yes, no, or an error: a server in trouble says that in the protocol as well. Nobody else answers an E with a length after it.
    const isError = data !== undefined && data[0] === 0x45 && data.length > 5 && data.readUInt32BE(1) < 10_000;
    return isError || (data?.length === 1 && (data[0] === 0x53 || data[0] === 0x4e));
  } catch {
    return false;
  } finally {
    clearTimeout(timer);
    socket.on('error', () => undefined);
    socket.destroy();
  }
}

async function login(spec: BackendSpec, passwordFile: PasswordFile | null): Promise<Answer> {
  const login = loginFor({ id: 'discovery', ...spec }, spec.user, spec.database, new Map([['application_name', 'switchyard']]));
  try {
    const connection = await dial(login, { deadlineMs: LOGIN_MS, passwordFile });
    const version = versionOf(connection);
    connection.end();
    return { spec, answers: true, message: `${version ?? 'It'} lets role ${spec.user} in.`, hint: null, version };
  } catch (error) {
    const failure = error instanceof DialFailure ? error : new DialFailure('protocol', String(error));
    return { spec, answers: false, message: `${failure.message}.`, hint: failure.hint, version: null };
  }
}

function versionOf({ parameters }: ServerConnection): string | null {
  const cockroach = parameters.get('crdb_version');
  if (cockroach !== undefined) return cockroach.split(' ').slice(0, 3).join(' ');
  const version = parameters.get('server_version');
  return version === undefined ? null : `PostgreSQL ${version.split(' ')[0] ?? version}`;
}
