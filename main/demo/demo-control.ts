/** The demo as the window sees it: off, starting, running, stopping or failed, with its clients switched on or off. */
import { CallError, type DemoInfo } from '../../core/contract/index.ts';
import { backendId, type EndpointSpec } from '../../core/endpoints/map.ts';
import { demoEndpointIds, startDemoServers, type DemoServers } from './demo.ts';
import { serverProgramsAvailable } from './server-programs.ts';
import { startWorkload, type Workload } from './workload.ts';

/** What the demo needs of the core. */
export interface DemoStage {
  setDemo(info: DemoInfo): void;
  /** The map as it is now: id and `host:port`. */
  endpoints(): Promise<{ id: string; backend: string }[]>;
  addEndpoint(spec: EndpointSpec): void;
  removeEndpoint(id: string): Promise<void>;
  /** Where the proxy listens. */
  proxy(): { host: string; port: number };
}

/** Switches the demo. Calls may overlap: they are carried out one after the other, a stop ends a start under way. */
export class DemoControl {
  readonly #stage: DemoStage;
  readonly #available = serverProgramsAvailable();
  #info: Pick<DemoInfo, 'state' | 'reason'> = { state: 'off', reason: null };
  #servers: DemoServers | null = null;
  #workload: Workload | null = null;
  #starting: AbortController | null = null;
  #closed = false;
  #queue: Promise<unknown> = Promise.resolve();

  constructor(stage: DemoStage) {
    this.#stage = stage;
    this.#show('off');
  }

  /**
   * Starts both servers and maps them; nothing happens when they run already.
   * @throws CallError `demo_unavailable`, `endpoint_exists` or `demo_failed`
   */
  start(): Promise<void> {
    return this.#enqueue(async () => {
      if (this.#servers !== null || this.#closed) return;
      if (!this.#available)
        throw new CallError('demo_unavailable', 'The demo has no PostgreSQL for this platform.', 'Add your own endpoints instead.');
      const taken = (await this.#stage.endpoints()).find(({ id }) => demoEndpointIds.some((demo) => demo === id));
      if (taken !== undefined) {
        throw new CallError(
          'endpoint_exists',
          `The demo maps ${demoEndpointIds.join(' and ')}, but there is an endpoint "${taken.id}" already.`,
          'Rename it first.',
        );
      }
      const starting = new AbortController();
      this.#starting = starting;
      this.#show('starting');
      try {
        this.#servers = await startDemoServers(starting.signal);
        for (const spec of this.#servers.endpoints) this.#stage.addEndpoint(spec);
        this.#show('running');
      } catch (error) {
        const servers = this.#servers;
        this.#servers = null;
        if (servers !== null) await this.#retire(servers);
        if (starting.signal.aborted) {
          this.#show('off');
          throw new CallError('demo_stopped', 'The demo was stopped while it started.');
        }
        const reason = error instanceof Error ? error.message : String(error);
        this.#show('failed', reason);
        throw new CallError('demo_failed', `The demo did not start: ${reason}`);
      } finally {
        this.#starting = null;
      }
    });
  }

  /** Whether an endpoint points at one of the demo's servers, under whatever name. */
  owns(spec: EndpointSpec): boolean {
    return this.#servers?.endpoints.some((own) => backendId(own) === backendId(spec)) ?? false;
  }

  /** Ends clients, mapping and servers; also a start under way. */
  stop(): Promise<void> {
    this.#starting?.abort(new Error('stopped'));
    return this.#enqueue(async () => {
      const servers = this.#servers;
      if (servers === null) return;
      this.#show('stopping');
      await this.#endWorkload();
      this.#servers = null;
      await this.#retire(servers).finally(() => this.#show('off'));
    });
  }

  /**
   * Switches the demo's clients.
   * @throws CallError `demo_not_running`
   */
  setWorkload(on: boolean): Promise<void> {
    return this.#enqueue(async () => {
      if (!on) {
        await this.#endWorkload();
      } else if (this.#servers === null) {
        throw new CallError('demo_not_running', 'The workload runs against the demo, and the demo is off.', 'Start the demo first.');
      } else {
        this.#workload ??= startWorkload({ ...this.#stage.proxy(), endpoints: demoEndpointIds });
      }
      this.#show(this.#info.state, this.#info.reason);
    });
  }

  /** For the end of the host: clients first, so that they do not complain about what follows. Nothing starts after it. */
  async endClients(): Promise<void> {
    this.#closed = true;
    this.#starting?.abort(new Error('the host stops'));
    await this.#enqueue(() => this.#endWorkload());
  }

  /** For the end of the host: the servers, without touching the map. */
  async endServers(): Promise<void> {
    await this.#enqueue(async () => {
      const servers = this.#servers;
      this.#servers = null;
      await servers?.stop();
    });
  }

  async #endWorkload(): Promise<void> {
    const workload = this.#workload;
    this.#workload = null;
    await workload?.stop();
  }

  async #retire(servers: DemoServers): Promise<void> {
    try {
      await this.#unmap(servers);
    } finally {
      await servers.stop();
    }
  }

  /** By backend, not by name: the endpoints may have been renamed, or point at other servers by now. */
  async #unmap(servers: DemoServers): Promise<void> {
    const backends = servers.endpoints.map(backendId);
    for (const { id, backend } of await this.#stage.endpoints()) {
      if (backends.includes(backend)) await this.#stage.removeEndpoint(id);
    }
  }

  #show(state: DemoInfo['state'], reason: string | null = null): void {
    this.#info = { state, reason };
    this.#stage.setDemo({ state, reason, workload: this.#workload !== null, available: this.#available });
  }

  #enqueue<T>(task: () => Promise<T>): Promise<T> {
    const result = this.#queue.then(task);
    this.#queue = result.catch(() => undefined);
    return result;
  }
}
