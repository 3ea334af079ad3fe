/** A small text file of the host's own: replaced as a whole, readable by its owner only, never written over somebody's edit. */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { CallError } from '../core/contract/index.ts';

/** One file, read once and written from then on. */
export class KeptFile {
  readonly path: string;
  /** What was read; null: there is none yet. */
  readonly text: string | null;
  #known: string | null;
  /** Writes wait for each other. */
  #turn: Promise<unknown> = Promise.resolve();

  /** Reads it. Throws the system's own error when it is there and cannot be read. */
  constructor(file: string) {
    this.path = path.resolve(file);
    this.text = readText(this.path);
    this.#known = this.text;
  }

  /**
   * Replaces it, or makes it. Rejects with `CallError`: `file_changed` when somebody has edited it since (theirs, broken or not, is
   * kept), `file_not_kept` when it cannot be written.
   */
  replace(text: string): Promise<void> {
    const turn = this.#turn.then(async () => {
      if (text === this.#known) return;
      const present = await readFile(this.path, 'utf8').catch((error: unknown) => this.#missingAsNull(error));
      if (present !== this.#known) {
        throw new CallError(
          'file_changed',
          `${this.path} has been changed since it was read.`,
          'Restart Switchyard to read it, or put it back as it was.',
        );
      }
      await this.#write(text);
      this.#known = text;
    });
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  /** Reads it again: what is there now, somebody's edit too, may be replaced from then on. Rejects with `CallError` (`file_not_kept`). */
  reread(): Promise<string | null> {
    const turn = this.#turn.then(async () => {
      this.#known = await readFile(this.path, 'utf8').catch((error: unknown) => this.#missingAsNull(error));
      return this.#known;
    });
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  async #write(text: string): Promise<void> {
    const fresh = `${this.path}.${randomBytes(6).toString('hex')}.new`;
    try {
      await mkdir(path.dirname(this.path), { recursive: true });
      const handle = await open(fresh, 'wx', 0o600);
      try {
        await handle.writeFile(text);
        // On disk before it takes the other's place: after a power cut there is the old file or the new one, never half of one.
        await handle.sync();
      } finally {
        await handle.close();
      }
      await rename(fresh, this.path);
    } catch (error) {
      await rm(fresh, { force: true });
      throw this.#notKept(error);
    }
  }

  #missingAsNull(error: unknown): null {
    if (isMissing(error)) return null;
    throw this.#notKept(error);
  }

  #notKept(error: unknown): CallError {
    return new CallError('file_not_kept', `${this.path} cannot be kept: ${error instanceof Error ? error.message : String(error)}.`);
  }
}

function readText(place: string): string | null {
  try {
    return readFileSync(place, 'utf8');
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}

function isMissing(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ENOENT';
}
