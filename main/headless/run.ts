/** The life of the headless host, from the command line to the exit code. */
import { once } from 'node:events';
import { homedir } from 'node:os';
import { standardPasswordFile } from '../../core/backend/passfile.ts';
import { parseCommandLine, usage, UsageError, type CommandLine } from '../cli/args.ts';
import { endpointsToStartWith, type EndpointsToStartWith } from '../endpoint-store.ts';
import { createHost, type Host } from '../host.ts';
import { settingsToStartWith, UnusableSettings, type OpenedSettings } from '../settings-store.ts';
import { userFolder } from '../user-folder.ts';
import { announceToPeople, announceToScripts } from './announcement.ts';
import { hasDisplay, openBrowser } from './browser.ts';
import { serveWindow, type WindowServer } from './window-server.ts';

/** What the entry knows. */
export interface HeadlessParts {
  version: string;
  /** Folder of the built window. */
  windowFolder: string;
  /** The words after the program's name. */
  words: readonly string[];
}

/** A stop that has not ended by then is cut off, milliseconds. */
const stopMs = 20_000;
/** A second signal within this time is the same one: a terminal sends Ctrl+C to npm and to us, and npm passes it on. Milliseconds. */
const sameSignalMs = 1_000;

/** Runs until a signal ends it; leaves the process with 0, with 1 after a failure, or with 2 for a wrong command line. */
export async function runHeadless(parts: HeadlessParts): Promise<never> {
  // Whoever read our output may leave; that is no failure of the host.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
  const { options, settings, start } = await readOptions(parts);
  const host = createHost({
    ...options,
    ...start,
    endpointsFile: start.file,
    settings,
    folder: userFolder(),
    passwordFile: standardPasswordFile(process.env, process.platform, homedir()),
    version: parts.version,
    log: say,
    onShutdown: () => void leave(0),
  });
  let server: WindowServer | null = null;
  let leaving = false;
  let signalledAt: number | null = null;

  const leave = async (code: number): Promise<never> => {
    leaving = true;
    const late = setTimeout(() => process.exit(code === 0 ? 1 : code), stopMs);
    await server?.stop().catch(say);
    await host.stop().catch(say);
    clearTimeout(late);
    return await exit(code);
  };
  const onSignal = (): void => {
    if (signalledAt !== null && performance.now() - signalledAt < sameSignalMs) return;
    // Impatience is an order: the demo's servers are still ended, by the process's own exit.
    if (leaving) process.exit(1);
    signalledAt = performance.now();
    say('Stopping …');
    void leave(0);
  };
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, onSignal);
  const onUnexpected = (error: unknown): void => {
    say(error);
    if (!leaving) void leave(1);
  };
  process.on('uncaughtException', onUnexpected);
  process.on('unhandledRejection', onUnexpected);

  try {
    await host.start();
    server = await serveWindow({
      port: options.ui.port,
      folder: parts.windowFolder,
      handlers: host.handlers,
      subscribe: host.subscribe,
      metrics: host.metrics,
      log: say,
    });
    await waitForDemo(host, start.demo, options);
    if (!leaving) await announce(host, server.url, options);
  } catch (error) {
    if (!leaving) {
      say(error);
      return await leave(1);
    }
  }
  return await new Promise<never>(() => undefined);
}

/** What was asked for, and what was kept. */
interface Asked {
  options: CommandLine;
  settings: OpenedSettings;
  start: EndpointsToStartWith;
}

async function readOptions({ words, version }: HeadlessParts): Promise<Asked> {
  try {
    const invocation = parseCommandLine(words);
    if (invocation.action === 'run') {
      const { options } = invocation;
      return {
        options,
        settings: settingsToStartWith(options.settingsFile, options),
        start: endpointsToStartWith(options.settingsFile, options),
      };
    }
    process.stdout.write(invocation.action === 'help' ? usage : `${version}\n`);
    return await exit(0);
  } catch (error) {
    if (!(error instanceof UsageError || error instanceof UnusableSettings)) throw error;
    say(error.message);
    return await exit(2);
  }
}

/** Asked for, the demo must start. Where it only stands in for a missing map, the window is there to say what went wrong. */
async function waitForDemo(host: Host, demo: boolean, options: CommandLine): Promise<void> {
  if (demo && !options.demoAsked) say('No endpoints given: starting the demo, two PostgreSQL servers of our own.');
  await host.demoStarted().catch((error: unknown) => {
    if (options.demoAsked) throw error;
    say(error);
  });
}

async function announce(host: Host, url: string, options: CommandLine): Promise<void> {
  const snapshot = await host.handlers.snapshot({});
  if (options.json) {
    process.stdout.write(`${announceToScripts({ snapshot, url })}\n`);
    return;
  }
  process.stdout.write(announceToPeople({ snapshot, url }));
  if ((options.open ?? true) && hasDisplay()) openBrowser(url, (error) => say(`No browser could be opened (${error.message}).`));
}

/** Everything but the announcement goes to standard error: a script reads the other. */
function say(what: unknown): void {
  const words = what instanceof Error ? (what.stack ?? what.message) : String(what);
  process.stderr.write(`${words}\n`);
}

/** Exits when what was written has left: a pipe may still hold it. */
async function exit(code: number): Promise<never> {
  if (process.stdout.writableLength > 0) await once(process.stdout, 'drain');
  process.exit(code);
}
