/** Opens an address in the user's browser, where there is one to be seen. */
import { spawn } from 'node:child_process';

/** Whether a browser could show itself. */
export function hasDisplay(platform: NodeJS.Platform = process.platform, env: NodeJS.ProcessEnv = process.env): boolean {
  if (platform !== 'linux') return platform === 'darwin' || platform === 'win32';
  return Boolean(env['DISPLAY']) || Boolean(env['WAYLAND_DISPLAY']);
}

/** Asks the desktop to open the address; does not wait, and tells `failed` when there is nothing that could. */
export function openBrowser(url: string, failed: (error: Error) => void): void {
  const [program, ...args] = opener(url);
  const child = spawn(program, args, { detached: true, stdio: 'ignore' });
  child.once('error', failed);
  child.unref();
}

function opener(url: string): [string, ...string[]] {
  if (process.platform === 'darwin') return ['open', url];
  // Not `start`, a word of the shell, which would read the address as a command line.
  if (process.platform === 'win32') return ['rundll32', 'url.dll,FileProtocolHandler', url];
  return ['xdg-open', url];
}
