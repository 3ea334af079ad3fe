/** Whether the backends behind the endpoint map answer: learnt from every login that is tried, asked for when nothing else tells. */
import { dial, DialFailure, DIAL_DEADLINE_MS } from '../backend/dial.ts';
import { loginFor } from '../backend/login.ts';
import type { PasswordFile } from '../backend/passfile.ts';
import type { ServerConnection } from '../backend/server-connection.ts';
import type { EndpointRow } from '../contract/index.ts';
import { backendId, type EndpointSpec } from '../endpoints/map.ts';

type Status = Pick<EndpointRow, 'status' | 'statusReason' | 'serverVersion' | 'checkedAt'>;

const UNKNOWN: Status = { status: 'unknown', statusReason: null, serverVersion: null, checkedAt: null };

/** What a test login found. */
export interface TestResult {
  readonly ok: boolean;
  readonly message: string;
  readonly hint: string | null;
  readonly serverVersion: string | null;
  readonly ms: number;
}

/** Keeps one status per backend. */
export class EndpointStatus {
  readonly #statuses = new Map<string, Status>();
  readonly #onChange: (backend: string, status: Status, before: Status) => void;

  readonly #passwordFile: PasswordFile | null;

  constructor(passwordFile: PasswordFile | null, onChange: (backend: string, status: Status, before: Status) => void) {
    this.#passwordFile = passwordFile;
    this.#onChange = onChange;
  }

  of(backend: string): Status {
    return this.#statuses.get(backend) ?? UNKNOWN;
  }

  /** A login was tried: `failure` null when it succeeded. */
  note(backend: string, failure: DialFailure | null, serverVersion: string | null): void {
    const before = this.of(backend);
    // A server that refuses one client (no such database, say) is there all the same.
    const up = failure === null || (failure.kind === 'refused' && failure.fields?.sqlState !== '57P03');
    const status: Status = {
      status: up ? 'up' : 'down',
      statusReason: up ? null : (failure?.message ?? null),
      serverVersion: serverVersion?.split(' ')[0] ?? before.serverVersion,
      checkedAt: Date.now(),
    };
    this.#statuses.set(backend, status);
    this.#onChange(backend, status, before);
  }

  /** Logs in and out again, and notes what came of it. */
  async check(spec: EndpointSpec): Promise<void> {
    const result = await testLogin(spec, this.#passwordFile);
    // Without a role of its own, an endpoint is tried with a guess; that one being refused says nothing against the server.
    const guessed = spec.user === '' && result.failure?.kind === 'authentication';
    this.note(backendId(spec), guessed ? null : result.failure, result.serverVersion);
  }

  forget(backend: string): void {
    this.#statuses.delete(backend);
  }
}

/** Dials a backend and says what it found; never rejects. */
export async function testLogin(
  spec: EndpointSpec,
  passwordFile: PasswordFile | null,
): Promise<TestResult & { failure: DialFailure | null }> {
  const started = performance.now();
  const login = loginFor(spec, 'postgres', spec.database, new Map([['application_name', 'switchyard']]));
  try {
    const connection = await dial(login, { deadlineMs: DIAL_DEADLINE_MS, passwordFile });
    const version = connection.parameters.get('server_version') ?? null;
    connection.end();
    return {
      ok: true,
      message: `PostgreSQL ${version ?? '?'} answers; role "${login.role}" can log in to database "${login.database}", ${encryptionWords(connection.tls)}.`,
      hint: null,
      serverVersion: version,
      ms: performance.now() - started,
      failure: null,
    };
  } catch (error) {
    const failure =
      error instanceof DialFailure ? error : new DialFailure('protocol', error instanceof Error ? error.message : String(error));
    return { ok: false, message: `${failure.message}.`, hint: failure.hint, serverVersion: null, ms: performance.now() - started, failure };
  }
}

function encryptionWords(tls: ServerConnection['tls']): string {
  if (tls === null) return 'without TLS';
  const checked = {
    nothing: 'the certificate was not checked',
    chain: 'the certificate was checked, but not its name',
    'chain and name': 'the certificate and its name were checked',
  }[tls.verified];
  return `over ${tls.protocol} (${tls.cipher}); ${checked}`;
}
