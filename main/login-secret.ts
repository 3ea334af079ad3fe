/** A secret that nobody needs to know: what the salts of users that do not exist are derived from, the same after a restart. */
import { randomBytes } from 'node:crypto';
import { linkSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const BYTES = 32;
const NAME = 'login-secret';

/**
 * Reads the secret that lies beside the settings file, or makes it. Never throws: where it can be neither read nor kept, `log` hears
 * why, and a new one serves until the end of the process.
 */
export function openLoginSecret(settingsFile: string, log: (error: unknown) => void): Buffer {
  const place = path.join(path.dirname(settingsFile), NAME);
  const fresh = `${place}.${randomBytes(6).toString('hex')}.new`;
  const secret = randomBytes(BYTES);
  try {
    const kept = read(place);
    if (kept !== null) return kept;
    writeFileSync(fresh, `${secret.toString('base64')}\n`, { mode: 0o600, flag: 'wx' });
    // Whole or not at all, and never in place of one that another process has just made.
    linkSync(fresh, place);
  } catch (error) {
    const made = (error as NodeJS.ErrnoException).code === 'EEXIST' ? readOrNull(place) : null;
    if (made !== null) return made;
    log(new Error(`${place} cannot be kept, so unknown users get other salts after a restart: ${(error as Error).message}`));
  } finally {
    rmSync(fresh, { force: true });
  }
  return secret;
}

/** Null when there is none. Throws when it cannot be read, or is something else. */
function read(place: string): Buffer | null {
  let text: string;
  try {
    text = readFileSync(place, 'latin1');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
  const secret = Buffer.from(text.trim(), 'base64');
  if (secret.length !== BYTES) throw new Error('it is not 32 bytes of base64');
  return secret;
}

function readOrNull(place: string): Buffer | null {
  try {
    return read(place);
  } catch {
    return null;
  }
}
