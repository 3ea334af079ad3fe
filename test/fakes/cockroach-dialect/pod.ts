/**
 * One node of a CockroachDB cluster, as far as moving sessions needs one: what is described in cockroach-migration.md section 9 of the
 * references. It is a fake only because CockroachDB itself cannot be had where these tests run; what it says and refuses, and in which
 * words, was read in CockroachDB's own sources and tests. Nothing of its code is used here.
 */
import { once } from 'node:events';
import { createServer, type AddressInfo, type Server } from 'node:net';
import type { Cluster } from './cluster.ts';
import { Connection, type ConnectionHost } from './connection.ts';
import { Faults } from './faults.ts';
import { Heard } from './heard.ts';
import { usualOptions, type PodOptions } from './pod-options.ts';

/** See the head of this file. */
export class Pod implements ConnectionHost {
  readonly id: number;
  readonly cluster: Cluster;
  readonly faults = new Faults();
  readonly options: PodOptions;
  heard = new Heard();
  readonly #connections = new Set<Connection>();
  readonly #failures: unknown[] = [];
  #server: Server | null = null;
  #port = 0;
  #number = 0;

  constructor(cluster: Cluster, id: number, options: Partial<PodOptions> = {}) {
    this.cluster = cluster;
    this.id = id;
    this.options = { ...usualOptions(), ...options };
  }

  /** On loopback, on a free port; the second time on the same one. */
  async start(): Promise<this> {
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
      const connection = new Connection(socket, ++this.#number, this);
      this.#connections.add(connection);
      socket.once('close', () => this.#connections.delete(connection));
      connection.run().catch((error: unknown) => {
        this.#failures.push(error);
        socket.destroy();
      });
    });
    this.#server.listen(this.#port, '127.0.0.1');
    await once(this.#server, 'listening');
    this.#port = (this.#server.address() as AddressInfo).port;
    return this;
  }

  get port(): number {
    return this.#port;
  }

  /** Sockets open now. */
  get connections(): number {
    return this.#connections.size;
  }

  /** As a backend of an endpoint map. */
  url(user = 'app', database = 'defaultdb', parameters = 'sslmode=disable'): string {
    return `postgresql://${user}@127.0.0.1:${this.#port}/${database}?${parameters}`;
  }

  cancel(pid: number, secret: Buffer): boolean {
    for (const connection of this.#connections) {
      if (connection.pid !== pid || !connection.secret.equals(secret)) continue;
      connection.cancel();
      return true;
    }
    return false;
  }

  /** Cuts all connections, as a crash does; new ones are still taken. */
  cut(how: 'close' | 'reset' = 'reset'): void {
    for (const connection of this.#connections) {
      if (how === 'reset') connection.reset();
      else connection.destroy();
    }
  }

  /** Takes no more connections and cuts those there are; rejects with what went wrong in the dialect server itself. */
  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    this.faults.clear();
    if (server !== null) {
      const closed = once(server, 'close');
      server.close();
      this.cut('close');
      await closed;
    }
    if (this.#failures.length > 0) throw new AggregateError(this.#failures, 'the dialect server itself failed');
  }
}
