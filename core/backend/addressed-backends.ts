/**
 * Which backends are told the addresses of the clients that they serve (`crdb:remote_addr`). CockroachDB understands that, and only where
 * it trusts whoever connects; PostgreSQL refuses a login with a parameter that it does not know. So nobody is told anything before it has
 * said what it is.
 */
import { DialFailure } from './dial-failure.ts';
import type { Login } from './login.ts';
import { REMOTE_ADDRESS } from './reserved-parameters.ts';
import type { ServerConnection } from './server-connection.ts';

/** See the head of this file. */
export class AddressedBackends {
  /** True: it is told. False: it is CockroachDB, and does not want to be. */
  readonly #known = new Map<string, boolean>();

  /** Its last login said so. */
  isCockroach(backend: string): boolean {
    return this.#known.has(backend);
  }

  /** The address to be told; undefined: none. */
  tells({ backend, clientAddress }: Login): string | undefined {
    return this.#known.get(backend.id) === true ? (clientAddress ?? undefined) : undefined;
  }

  /** Logs in by `attempt`, a second time without the address if that is what the server refuses. Rejects as `attempt` does. */
  async dial(login: Login, attempt: (remoteAddress: string | undefined) => Promise<ServerConnection>): Promise<ServerConnection> {
    const address = this.tells(login);
    try {
      return this.#learn(await attempt(address));
    } catch (error) {
      if (address === undefined || !isAboutAddress(error)) throw error;
      this.#known.set(login.backend.id, false);
      return this.#learn(await attempt(undefined));
    }
  }

  #learn(connection: ServerConnection): ServerConnection {
    const { id } = connection.backend;
    if (!connection.parameters.has('crdb_version')) this.#known.delete(id);
    else if (!this.#known.has(id)) this.#known.set(id, true);
    return connection;
  }
}

function isAboutAddress(error: unknown): boolean {
  if (!(error instanceof DialFailure)) return false;
  const message = error.fields?.message ?? '';
  return message.includes(REMOTE_ADDRESS) || message.includes('remote address');
}
