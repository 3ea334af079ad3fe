/** The folder that a host without Electron keeps its things in; the same that Electron's `userData` names. */
import { homedir } from 'node:os';
import path from 'node:path';

/** By the customs of the system; not made here. */
export function userFolder(): string {
  const home = homedir();
  const base =
    process.platform === 'win32'
      ? (process.env['APPDATA'] ?? path.join(home, 'AppData', 'Roaming'))
      : process.platform === 'darwin'
        ? path.join(home, 'Library', 'Application Support')
        : (process.env['XDG_CONFIG_HOME'] ?? path.join(home, '.config'));
  return path.join(base, 'Switchyard');
}
