/** The entry of the desktop application. Built, it lies in dist/main, beside the preload and the window in dist/renderer. */
import { fileURLToPath } from 'node:url';
import { app } from 'electron';
import { parseCommandLine, usage, UsageError, type CommandLine } from './cli/args.ts';
import { runDesktop } from './desktop/application.ts';
import { ownWords } from './desktop/words.ts';
import { createHost } from './host.ts';

const options = readOptions();
// Electron becomes ready only once this module has been evaluated: waiting for it here would wait for ever.
if (options !== null) void run(options).catch(fail);

async function run(commandLine: CommandLine): Promise<void> {
  const beside = (place: string): string => fileURLToPath(new URL(place, import.meta.url));
  await runDesktop({
    host: createHost({ ...commandLine, version: app.getVersion(), log }),
    windowFolder: beside('../renderer'),
    preload: beside('preload.cjs'),
    icon: beside('../../assets/icons/256x256.png'),
    log,
  });
}

/** What was asked for; null when the command line was answered, or refused, in words. */
function readOptions(): CommandLine | null {
  try {
    const invocation = parseCommandLine(ownWords(process.argv, app.isPackaged));
    if (invocation.action === 'run') return invocation.options;
    process.stdout.write(invocation.action === 'help' ? usage : `${app.getVersion()}\n`);
    app.exit(0);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    log(error.message);
    app.exit(2);
  }
  return null;
}

function fail(error: unknown): void {
  log(error);
  app.exit(1);
}

function log(what: unknown): void {
  process.stderr.write(`${what instanceof Error ? (what.stack ?? what.message) : String(what)}\n`);
}
