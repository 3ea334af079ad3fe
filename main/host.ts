/** What both shells run: the core, the demo, and the calls that a window can make of them. */
import path from 'node:path';
import { CallError, type Delta, type Handlers, type HostInfo } from '../core/contract/index.ts';
import { backendId, type EndpointSpec } from '../core/endpoints/map.ts';
import { Switchyard } from '../core/switchyard.ts';
import { makeLocalAuthority } from '../core/tls/local-authority.ts';
import { PasswordFile } from '../core/backend/passfile.ts';
import type { CommandLine } from './cli/args.ts';
import { discover } from './discovery/discover.ts';
import { DraftPasswords } from './endpoint-import/draft-passwords.ts';
import { importDrafts } from './endpoint-import/drafts.ts';
import { findClientProcess } from './client-process/find.ts';
import { DemoControl } from './demo/demo-control.ts';
import { sweepLeftovers } from './demo/run-folder.ts';
import { openLoginSecret } from './login-secret.ts';
import { keepEndpoints, withPasswords, type OpenedSecrets, type SecretStore } from './endpoint-store.ts';
import type { KeptFile } from './kept-file.ts';
import { MetricsServer } from './metrics-server.ts';
import { noDesktop } from './no-desktop.ts';
import type { OpenedSettings } from './settings-store.ts';

/** What a host is made with. */
export interface HostOptions extends Pick<
  CommandLine,
  'listen' | 'endpoints' | 'defaultEndpoint' | 'poolSize' | 'allowOlderServer' | 'workload'
> {
  version: string;
  /** libpq's password file; null or left out: none is looked into. */
  passwordFile?: string | null;
  /** The settings to start with, and where changed ones are kept. */
  settings: OpenedSettings;
  /** A folder of the host's own, made when something is to be kept in it. */
  folder: string;
  /** Start the demo along with the host; a window can start it later too. */
  demo: boolean;
  /** Where the endpoints that are mapped in the window are kept; null or left out: in memory only. */
  endpointsFile?: KeptFile | null;
  /** Colours of backends, as they were kept. */
  backendColors?: Readonly<Record<string, number>>;
  /** Opens the keychain for their passwords, as the first thing of the start. Left out: there is none. */
  openSecrets?: () => Promise<OpenedSecrets>;
  /** Told of what goes wrong without anybody having asked. */
  log: (error: unknown) => void;
  /** Ends the program, as the console's SHUTDOWN asks for it. Left out: the console cannot. */
  onShutdown?: () => void;
}

/** A host: made, started once, stopped once. */
export interface Host {
  /** Listens; settles as soon as clients can connect. Throws when no port can be had. */
  start(): Promise<void>;
  /** Settles when the demo that was asked for runs (at once without one); throws when it does not start. */
  demoStarted(): Promise<void>;
  /** Ends clients, servers and folders within a few seconds; may be called at any time and more than once. */
  stop(): Promise<void>;
  readonly handlers: Handlers;
  /** Calls the listener with every delta until the returned function is called. */
  readonly subscribe: (listener: (delta: Delta) => void) => () => void;
  /** Where clients connect; null until started. */
  readonly ready: { proxy: { host: string; port: number } } | null;
  /** The page that Prometheus reads. */
  readonly metrics: () => string;
  /** Where that page has a port of its own; null: it has none. */
  readonly metricsUrl: string | null;
}

/** How long each step of a stop may take, milliseconds. */
const stepMs = 5_000;

/** Makes a host; nothing happens before `start`. */
export function createHost(options: HostOptions): Host {
  const { version, endpoints, listen, log } = options;
  const keptBeside = options.settings.file?.path ?? null;
  const metrics: MetricsServer = new MetricsServer(() => core.metrics(), log);
  const core = new Switchyard({
    version,
    listen: { ...listen, portFallback: true },
    endpoints,
    // The demo's endpoints are not there yet.
    defaultEndpoint: endpoints.length > 0 ? options.defaultEndpoint : null,
    backendColors: options.backendColors ?? {},
    settings: options.settings.settings,
    settingsFile: options.settings.file,
    makeLocalAuthority: () => makeLocalAuthority(path.join(options.folder, 'tls')),
    passwordFile: options.passwordFile ?? null,
    findClientProcess,
    ...(keptBeside === null ? {} : { mockSecret: () => openLoginSecret(keptBeside, log) }),
    allowOlderServer: options.allowOlderServer,
    ...(options.poolSize === null ? {} : { poolSize: options.poolSize }),
    ...(options.onShutdown === undefined ? {} : { onShutdown: options.onShutdown }),
    onRemapped: () => void keep(),
    onSettings: async (settings, note) => {
      const before = metrics.url;
      const problems = await metrics.apply(settings.metrics.port);
      if (metrics.url !== null && metrics.url !== before) note('metrics_served', `Prometheus finds the metrics at ${metrics.url}.`);
      return problems;
    },
  });
  const drafted = new DraftPasswords();
  let ready: Host['ready'] = null;
  let stopped: Promise<void> | null = null;
  const file = options.endpointsFile ?? null;
  let secrets: SecretStore | null = null;
  let passwords: HostInfo['passwords'] = { kept: 'memory', reason: null };

  /** Passwords join their endpoints before anybody can connect. */
  const openSecrets = async (): Promise<void> => {
    const opened: OpenedSecrets = (await options.openSecrets?.()) ?? {
      store: null,
      reason: 'only the desktop application uses the keychain',
    };
    const reason = file === null ? 'the endpoints of this run are not kept' : opened.store === null ? opened.reason : null;
    passwords = { kept: reason === null ? 'keychain' : 'memory', reason };
    core.setKept({ passwords, endpointsKept: { file: file?.path ?? null, problem: null } });
    if (file === null || opened.store === null) return;
    secrets = opened.store;
    for (const spec of await withPasswords(endpoints, secrets)) if (spec.password !== null) core.addEndpoint(spec);
  };

  /** Keeps the map as it is now, without the demo's lines. What cannot be kept is told, and the map holds nonetheless. */
  const keep = async (): Promise<void> => {
    if (file === null) return;
    const { endpoints: all, defaultEndpoint, colors: given } = core.endpoints();
    const mine = all.filter((spec) => !demo.owns(spec));
    const colors = Object.fromEntries(Object.entries(given).filter(([backend]) => mine.some((spec) => backendId(spec) === backend)));
    const problem = await keepEndpoints(file, secrets, { endpoints: mine, defaultEndpoint, colors }).then(
      () => null,
      (error: unknown) => {
        log(error);
        const why = error instanceof CallError ? `${error.message} ${error.hint ?? ''}`.trim() : 'the keychain refused.';
        return `The endpoints are not kept for the next start: ${why}`;
      },
    );
    core.setKept({ passwords, endpointsKept: { file: file.path, problem } });
  };

  const demo = new DemoControl({
    setDemo: (info) => core.setDemo(info),
    endpoints: async () => (await core.handlers.snapshot({})).endpoints,
    addEndpoint: (spec: EndpointSpec) => core.addEndpoint(spec),
    removeEndpoint: (id) => core.removeEndpoint(id, { closeSessions: true }),
    proxy() {
      if (ready === null) throw new CallError('not_started', 'The proxy does not listen yet.');
      return ready.proxy;
    },
  });

  let demoStarted: Promise<void> = Promise.resolve();
  const startDemo = async (): Promise<void> => {
    await demo.start();
    if (options.defaultEndpoint !== null) await makeDefault(core, options.defaultEndpoint);
    if (options.workload) await demo.setWorkload(true);
  };

  const stop = async (): Promise<void> => {
    await within('the metrics', metrics.stop(), log);
    await within('the demo clients', demo.endClients(), log);
    await within('the proxy', core.stop(), log);
    await within('the demo servers', demo.endServers(), log);
  };

  return {
    async start() {
      // Before anything else can fail: what a crash left behind should not outlive this start.
      await sweepLeftovers().catch(log);
      await openSecrets();
      if (stopped !== null) throw new Error('the host was stopped before it had started');
      ready = { proxy: await core.start() };
      if (!options.demo) return;
      demoStarted = startDemo();
      demoStarted.catch(() => undefined);
    },
    demoStarted: () => demoStarted,
    stop: () => (stopped ??= stop()),
    handlers: {
      ...core.handlers,
      ...noDesktop,
      'endpoints.save': async (request) => {
        const reply = await core.handlers['endpoints.save'](request);
        await keep();
        return reply;
      },
      'endpoints.remove': async (request) => {
        const reply = await core.handlers['endpoints.remove'](request);
        await keep();
        return reply;
      },
      'endpoints.apply': async ({ changes, dryRun }) => {
        const resolved = changes.map((change) => (change.kind === 'save' ? drafted.resolve(change) : change));
        const reply = await core.handlers['endpoints.apply']({ changes: resolved, dryRun });
        if (reply.applied) await keep();
        return reply;
      },
      'endpoints.test': (request) => core.handlers['endpoints.test'](drafted.resolve(request)),
      'endpoints.import': (request) => importDrafts(request, core.endpoints().endpoints, drafted),
      'endpoints.discover': async () => ({
        found: await discover({
          mapped: core.endpoints().endpoints,
          without: ready === null ? [] : [ready.proxy.port],
          passwordFile: options.passwordFile == null ? null : new PasswordFile(options.passwordFile, () => undefined),
          passwords: drafted,
        }),
      }),
      'demo.start': async () => {
        await demo.start();
        return {};
      },
      'demo.stop': async () => {
        await demo.stop();
        return {};
      },
      'demo.workload': async ({ on }) => {
        await demo.setWorkload(on);
        return {};
      },
    },
    subscribe: (listener) => core.subscribe(listener),
    get ready() {
      return ready;
    },
    metrics: () => core.metrics(),
    get metricsUrl() {
      return metrics.url;
    },
  };
}

async function makeDefault(core: Switchyard, id: string): Promise<void> {
  const row = (await core.handlers.snapshot({})).endpoints.find((endpoint) => endpoint.id === id);
  if (row === undefined) return;
  const url = `postgresql://${row.user}@${row.backend}/${row.database}`;
  await core.handlers['endpoints.save']({ id, url, makeDefault: true });
}

/** Waits for one step of the stop, but not for ever: whatever is left then, the process's own end takes along. */
async function within(what: string, step: Promise<unknown>, log: (error: unknown) => void): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(() => {
      log(new Error(`stopping ${what} took longer than ${stepMs / 1_000} s`));
      resolve();
    }, stepMs);
  });
  await Promise.race([step.catch(log), late]);
  clearTimeout(timer);
}
