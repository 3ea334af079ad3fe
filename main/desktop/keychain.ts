/** Passwords of endpoints, encrypted with the system's keychain through Electron's safeStorage, in a file of their own. */
import { safeStorage } from 'electron';
import * as z from 'zod';
import type { OpenedSecrets, SecretStore } from '../endpoint-store.ts';
import { KeptFile } from '../kept-file.ts';

/** Name to encrypted bytes in base64. */
const contents = z.record(z.string(), z.base64());

/**
 * Opens it, once Electron is ready. Without a keychain that protects anything nothing is kept: on Linux `basic_text` would be a key
 * that everybody knows (desktop.md, "Secrets"). Never rejects.
 */
export async function openKeychain(file: string, log: (error: unknown) => void): Promise<OpenedSecrets> {
  try {
    if (!(await safeStorage.isAsyncEncryptionAvailable())) return { store: null, reason: 'this system offers no keychain' };
    if (process.platform === 'linux' && safeStorage.getSelectedStorageBackend() === 'basic_text') {
      return { store: null, reason: 'this desktop has no keychain (GNOME Keyring or KWallet)' };
    }
    return { store: new Keychain(new KeptFile(file), log) };
  } catch (error) {
    log(error);
    return { store: null, reason: 'the keychain cannot be opened' };
  }
}

class Keychain implements SecretStore {
  readonly #file: KeptFile;
  readonly #log: (error: unknown) => void;
  /** What the file holds. */
  #encrypted: ReadonlyMap<string, string>;
  /** What is known in clear, so that an unchanged secret is not encrypted anew. */
  readonly #clear = new Map<string, string>();
  readonly #unreadable = new Set<string>();

  constructor(file: KeptFile, log: (error: unknown) => void) {
    this.#file = file;
    this.#log = log;
    this.#encrypted = readContents(file, log);
  }

  async read(name: string): Promise<string | null> {
    const encrypted = this.#encrypted.get(name);
    if (encrypted === undefined) return null;
    try {
      const { result } = await safeStorage.decryptStringAsync(Buffer.from(encrypted, 'base64'));
      this.#clear.set(name, result);
      return result;
    } catch (error) {
      // Another user's keychain, or one that was made anew: the password has to be given again.
      this.#log(new Error(`the password kept for ${name} cannot be decrypted`, { cause: error }));
      this.#unreadable.add(name);
      return null;
    }
  }

  async replace(secrets: ReadonlyMap<string, string | null>): Promise<void> {
    const next = new Map<string, string>();
    for (const [name, secret] of secrets) {
      const kept = this.#encrypted.get(name);
      const same = secret === null ? this.#unreadable.has(name) : this.#clear.get(name) === secret;
      if (same && kept !== undefined) next.set(name, kept);
      else if (secret !== null) next.set(name, (await safeStorage.encryptStringAsync(secret)).toString('base64'));
    }
    await this.#file.replace(`${JSON.stringify(Object.fromEntries(next), null, 2)}\n`);
    this.#encrypted = next;
    this.#clear.clear();
    for (const [name, secret] of secrets) if (secret !== null) this.#clear.set(name, secret);
  }
}

function readContents(file: KeptFile, log: (error: unknown) => void): ReadonlyMap<string, string> {
  if (file.text === null) return new Map();
  try {
    return new Map(Object.entries(contents.parse(JSON.parse(file.text))));
  } catch {
    log(new Error(`${file.path} is not what Switchyard wrote; passwords have to be given again`));
    return new Map();
  }
}
