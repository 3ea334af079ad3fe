import { app, dialog } from 'electron';
import type { WebContents } from 'electron';

/** How long the host may take to let go of its servers after a failure, in milliseconds. */
const lastStopMs = 3_000;

/** What a failure needs. */
export interface CrashParts {
  log: (error: unknown) => void;
  stop: () => Promise<void>;
}

/** An error that nobody caught: logged, said once, the host stopped as far as possible, exit code 1. */
export function guardProcess({ log, stop }: CrashParts): void {
  let failing = false;
  const fail = (error: unknown): void => {
    log(error);
    if (failing) return;
    failing = true;
    dialog.showErrorBox('Switchyard has to close', error instanceof Error ? error.message : String(error));
    const timer = setTimeout(() => app.exit(1), lastStopMs);
    void stop()
      .catch(log)
      .finally(() => {
        clearTimeout(timer);
        app.exit(1);
      });
  };
  process.on('uncaughtException', fail);
  process.on('unhandledRejection', fail);
}

/** The page died; the proxy did not. Offers to load the page again. */
export function offerReload(contents: WebContents, log: (error: unknown) => void): void {
  contents.on('render-process-gone', (_event, details) => {
    if (details.reason === 'clean-exit') return;
    log(new Error(`The window's process ended: ${details.reason} (exit code ${details.exitCode}).`));
    void dialog
      .showMessageBox({
        type: 'error',
        message: 'The window stopped working.',
        detail: 'Connections are still being served. Reload the window to see them again.',
        buttons: ['Reload', 'Not now'],
        defaultId: 0,
        cancelId: 1,
        noLink: true,
      })
      .then(({ response }) => {
        if (response === 0 && !contents.isDestroyed()) contents.reload();
      })
      .catch(log);
  });
}
