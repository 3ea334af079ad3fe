/** The entry of the desktop application. Built, it lies in dist/main, beside the preload and the window in dist/renderer. */
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { app, dialog } from 'electron';
import { standardPasswordFile } from '../core/backend/passfile.ts';
import { parseCommandLine, usage, UsageError, type CommandLine } from './cli/args.ts';
import { runDesktop } from './desktop/application.ts';
import { openKeychain } from './desktop/keychain.ts';
import { ownWords } from './desktop/words.ts';
import { endpointsToStartWith, type EndpointsToStartWith } from './endpoint-store.ts';
import { createHost } from './host.ts';
import { settingsToStartWith, UnusableSettings, type OpenedSettings } from './settings-store.ts';

const asked = readOptions();
// Electron becomes ready only once this module has been evaluated: waiting for it here would wait for ever.
if (asked !== null) void run(asked).catch(fail);

/** What was asked for, and what was kept. */
interface Asked {
  options: CommandLine;
  settings: OpenedSettings;
  start: EndpointsToStartWith;
}

async function run({ options, settings, start }: Asked): Promise<void> {
  const beside = (place: string): string => fileURLToPath(new URL(place, import.meta.url));
  await runDesktop({
    host: createHost({
      ...options,
      ...start,
      endpointsFile: start.file,
      openSecrets: () => openKeychain(path.join(app.getPath('userData'), 'secrets.json'), log),
      settings,
      folder: app.getPath('userData'),
      passwordFile: standardPasswordFile(process.env, process.platform, app.getPath('home')),
      version: app.getVersion(),
      log,
      // As from a terminal: the way out that the application has for a signal, which asks nobody.
      onShutdown: () => void process.emit('SIGTERM'),
    }),
    windowFolder: beside('../renderer'),
    preload: beside('preload.cjs'),
    icon: beside('../../assets/icons/256x256.png'),
    trayPictures: beside('../../assets/tray'),
    log,
  });
}

/** What was asked for; null when the command line was answered, or refused, in words. */
function readOptions(): Asked | null {
  try {
    const invocation = parseCommandLine(ownWords(process.argv, app.isPackaged));
    if (invocation.action === 'run') {
      const { options } = invocation;
      const file = options.settingsFile ?? path.join(app.getPath('userData'), 'settings.json');
      return { options, settings: settingsToStartWith(file, options), start: endpointsToStartWith(file, options) };
    }
    process.stdout.write(invocation.action === 'help' ? usage : `${app.getVersion()}\n`);
    app.exit(0);
  } catch (error) {
    if (!(error instanceof UsageError || error instanceof UnusableSettings)) throw error;
    log(error.message);
    // Started by a click, there is no terminal to read it in.
    if (error instanceof UnusableSettings) dialog.showErrorBox('Switchyard could not start', error.message);
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
