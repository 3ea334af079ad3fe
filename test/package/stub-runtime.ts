import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';

/** What Electron's program carries so that its fuses can be found; after it: version 1, eight fuses, each `0` or `1`, here the opposite of what is wanted. */
const sentinel = 'dL7pKGdnNz796PbbjQWNKmHXBZaB9tsX';

/**
 * A folder that looks like an unpacked Electron for Linux as far as the packager cares: the real one can't be had on build
 * machines, and packing needs only names and the bytes of the fuses.
 */
export function writeStubRuntime(folder: string, version: string): void {
  for (const name of ['locales', 'resources']) mkdirSync(path.join(folder, name), { recursive: true });
  writeFileSync(path.join(folder, 'version'), version);
  writeFileSync(path.join(folder, 'locales', 'en-US.pak'), '');
  const program = path.join(folder, 'electron');
  const fuses = Buffer.from([1, 8, ...Buffer.from('10110001')]);
  writeFileSync(program, Buffer.concat([Buffer.from('not a program\n'), Buffer.from(sentinel), fuses, Buffer.alloc(64)]));
  chmodSync(program, 0o755);
}
