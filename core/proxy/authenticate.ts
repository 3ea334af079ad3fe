/** The stage in which a client proves who it is (pooling.md 5.1, 5.2). */
import { BlockList } from 'node:net';
import { explainAuthentication } from '../auth/assistant.ts';
import { clientExchange, type ClientExchange, type ExchangeStep } from '../auth/client-exchange.ts';
import { LoginRefusal } from '../auth/login-refusal.ts';
import { NO_CREDENTIAL, type Credential } from '../backend/credential.ts';
import type { Settings } from '../contract/index.ts';
import { Client } from '../wire/codes.ts';
import { MessageReader, ProtocolViolation, type Message } from '../wire/message-reader.ts';
import { ClientGone, ClientRefusal, type Incoming } from './incoming.ts';
import type { Lookup } from './verifiers.ts';

/** What a client has proven. Holds a secret. */
export interface Authenticated {
  readonly user: string;
  /** What it sent behind the authentication; to be forwarded once it has a server. */
  readonly rest: Buffer;
  /** What it has proven itself with; `none` where its word was enough. */
  readonly credential: Credential;
}

/** How this client has to prove itself. */
export interface AuthenticationPolicy {
  readonly method: Settings['authentication']['method'];
  readonly verifiers: VerifierSource;
  /** `tls-server-end-point` hash of the certificate that clients are shown; null: there is none, or it has no such hash. */
  readonly certificateHash: Buffer | null;
  /** What the salts of unknown users are derived from: 32 random bytes. */
  mockSecret(): Buffer;
  /** Ends every wait; its reason is what the client is told (a `ClientRefusal`), or that nobody is there any more. */
  readonly signal: AbortSignal;
}

/** Where verifiers come from; see `Verifiers`. */
export interface VerifierSource {
  readonly usualKind: 'scram' | 'md5';
  find(user: string, signal: AbortSignal): Promise<Lookup>;
  refetch(user: string, signal: AbortSignal): Promise<Lookup | null>;
}

/** PostgreSQL's PG_MAX_AUTH_TOKEN_LENGTH. */
const MAX_ANSWER_BYTES = 65_535;

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

/** True for the addresses of this machine alone, those of IPv4 in IPv6's clothes included. */
export function isLoopback(address: string | undefined): boolean {
  if (address === undefined) return false;
  // What nearly every client comes from; the list makes an object of an address before it looks at it.
  if (address === '127.0.0.1' || address === '::1') return true;
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, '');
  return loopback.check(plain, plain.includes(':') ? 'ipv6' : 'ipv4');
}

/** Runs the login. Rejects with `ClientRefusal`, `ClientGone`, or the signal's reason; leaves no listener behind. */
export async function authenticate(incoming: Incoming, policy: AuthenticationPolicy): Promise<Authenticated> {
  const { socket, parameters, encrypted } = incoming;
  const user = parameters.get('user') ?? '';
  const local = isLoopback(socket.remoteAddress);
  if (policy.method === 'trust') {
    if (local) return { user, rest: incoming.rest, credential: NO_CREDENTIAL };
    throw refusalFor('trust_over_network');
  }
  if (policy.method === 'password' && !encrypted && !local) throw refusalFor('clear_over_network');
  const { verifiers, signal } = policy;
  let known = await verifiers.find(user, signal);
  const exchange = clientExchange({
    user,
    method: policy.method,
    known,
    usualKind: verifiers.usualKind,
    certificateHash: encrypted ? policy.certificateHash : null,
    mockSecret: policy.mockSecret(),
    refetch: async () => {
      const newer = await verifiers.refetch(user, signal);
      if (newer !== null) known = newer;
      return newer;
    },
  });
  const { credential, rest } = await converse(incoming, exchange, signal);
  if (!known.canLogin) throw new ClientRefusal('28000', `role "${user}" is not permitted to log in`);
  return { user, rest, credential };
}

function refusalFor(problem: 'trust_over_network' | 'clear_over_network'): ClientRefusal {
  const { message, hint } = explainAuthentication({ problem });
  return new ClientRefusal('28000', message, hint);
}

async function converse(
  incoming: Incoming,
  exchange: ClientExchange,
  signal: AbortSignal,
): Promise<{ credential: Credential; rest: Buffer }> {
  const { socket } = incoming;
  const answers = new Answers(incoming, signal);
  try {
    socket.write(exchange.start());
    for (;;) {
      const step = await stepOf(exchange, await answers.next());
      signal.throwIfAborted();
      if (step.send !== null) socket.write(step.send);
      if (step.kind === 'proven') return { credential: step.credential, rest: answers.stop() };
    }
  } catch (error) {
    throw asRefusal(error);
  } finally {
    answers.stop();
  }
}

function stepOf(exchange: ClientExchange, message: Message): Promise<ExchangeStep> {
  if (message.type === Client.Password) return exchange.next(message.body);
  throw new LoginRefusal('08P01', `expected a password message, got message type ${message.type}`);
}

function asRefusal(error: unknown): unknown {
  if (error instanceof ProtocolViolation) return new ClientRefusal('08P01', error.message);
  if (!(error instanceof LoginRefusal)) return error;
  return new ClientRefusal(error.sqlState, error.message, undefined, { detail: error.detail, forOperator: error.forOperator });
}

/** Reads a client's messages one by one, as long as it has to prove itself. */
class Answers {
  readonly #incoming: Incoming;
  readonly #signal: AbortSignal;
  readonly #reader = new MessageReader(MAX_ANSWER_BYTES);
  #wake: (() => void) | null = null;
  #over: Error | null = null;
  #stopped = false;

  constructor(incoming: Incoming, signal: AbortSignal) {
    this.#incoming = incoming;
    this.#signal = signal;
    this.#reader.push(incoming.rest);
    incoming.socket.on('data', this.#onData).on('end', this.#onEnd).on('close', this.#onEnd).on('error', this.#onEnd);
    signal.addEventListener('abort', this.#onAbort);
  }

  /** The next whole message. The socket is read only while one is missing: what a client sends ahead stays in the kernel. */
  async next(): Promise<Message> {
    for (;;) {
      this.#signal.throwIfAborted();
      const message = this.#reader.next();
      if (message !== null) return message;
      if (this.#over !== null) throw this.#over;
      if (this.#incoming.socket.destroyed) throw new ClientGone();
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        this.#incoming.socket.resume();
      });
      this.#incoming.socket.pause();
    }
  }

  /** Leaves the socket paused and without listeners; gives what was not consumed. */
  stop(): Buffer {
    if (this.#stopped) return Buffer.alloc(0);
    this.#stopped = true;
    const { socket } = this.#incoming;
    socket.off('data', this.#onData).off('end', this.#onEnd).off('close', this.#onEnd).off('error', this.#onEnd);
    this.#signal.removeEventListener('abort', this.#onAbort);
    socket.pause();
    return this.#reader.takeRest();
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#reader.push(chunk);
    this.#awake();
  };

  readonly #onEnd = (): void => {
    this.#over ??= new ClientGone();
    this.#awake();
  };

  readonly #onAbort = (): void => this.#awake();

  #awake(): void {
    this.#incoming.socket.pause();
    this.#wake?.();
    this.#wake = null;
  }
}
