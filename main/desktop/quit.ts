import { app, dialog } from 'electron';

/** How long a clean stop may take before the process ends all the same, in milliseconds. */
const stopDeadlineMs = 10_000;

/** What quitting needs to know and do. */
export interface QuitParts {
  /** Clients that would be cut off. */
  liveSessions: () => Promise<number>;
  stop: () => Promise<void>;
  /** Something of the application stays to be seen without a window: it goes on serving when the last one is closed. */
  staysInSight: () => boolean;
  onUnexpected: (error: unknown) => void;
}

/** The one way out: asks while sessions live, stops the host, then lets Electron go. */
export interface QuitGate {
  /** For a window that is being closed: true if it may go, because we stay in sight or have stopped; else quitting begins. */
  mayClose: () => boolean;
  /** Stops without asking (a signal, a shutdown of the system) and quits. */
  leave: () => void;
}

type Phase = 'running' | 'asking' | 'stopping' | 'stopped';

/** Puts the gate in Electron's way out. */
export function guardQuit(parts: QuitParts): QuitGate {
  let phase: Phase = 'running';

  async function ask(): Promise<void> {
    phase = 'asking';
    const sessions = await parts.liveSessions().catch(() => 0);
    if (sessions > 0 && !(await confirmed(sessions))) {
      phase = 'running';
      return;
    }
    await stopAndQuit();
  }

  async function stopAndQuit(): Promise<void> {
    phase = 'stopping';
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(new Error(`The host did not stop within ${stopDeadlineMs / 1000} s.`)), stopDeadlineMs);
    });
    try {
      await Promise.race([parts.stop(), late]);
    } catch (error) {
      parts.onUnexpected(error);
    } finally {
      clearTimeout(timer);
    }
    phase = 'stopped';
    app.quit();
  }

  app.on('before-quit', (event) => {
    if (phase === 'stopped') return;
    event.preventDefault();
    if (phase === 'running') void ask().catch(parts.onUnexpected);
  });

  return {
    mayClose() {
      if (phase === 'stopped' || (phase === 'running' && parts.staysInSight())) return true;
      app.quit();
      return false;
    },
    leave() {
      if (phase === 'running' || phase === 'asking') void stopAndQuit();
    },
  };
}

async function confirmed(sessions: number): Promise<boolean> {
  const whose = sessions === 1 ? '1 session' : `${sessions} sessions`;
  const { response } = await dialog.showMessageBox({
    type: 'warning',
    message: `Quit and disconnect ${whose}?`,
    detail: 'Their clients lose their connection. Work in open transactions is rolled back by the server.',
    buttons: ['Keep running', 'Quit'],
    defaultId: 0,
    cancelId: 0,
    noLink: true,
  });
  return response === 1;
}
