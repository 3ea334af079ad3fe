import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';

const inputs = ['core', 'main', 'renderer', 'package.json', 'package-lock.json', 'tsconfig.json'];
const outputs = ['dist/main/headless.mjs', 'dist/main/desktop.mjs', 'dist/main/preload.cjs', 'dist/renderer/index.html'];
const stampFile = 'dist/build-stamp.txt';

/** Whether the last build was made from exactly these inputs. By content, because a checkout changes times without changing files. */
export function isFresh(root) {
  if (!outputs.every((file) => fs.existsSync(path.join(root, file)))) return false;
  try {
    return fs.readFileSync(path.join(root, stampFile), 'utf8') === fingerprint(root);
  } catch {
    return false;
  }
}

/** Remembers what the build was made from. */
export function writeStamp(root) {
  fs.writeFileSync(path.join(root, stampFile), fingerprint(root));
}

function fingerprint(root) {
  const hash = createHash('sha256');
  for (const file of inputs.flatMap((name) => filesBelow(root, name)).sort((a, b) => (a < b ? -1 : 1))) {
    hash
      .update(file)
      .update('\0')
      .update(fs.readFileSync(path.join(root, file)))
      .update('\0');
  }
  return hash.digest('hex');
}

function filesBelow(root, name) {
  const full = path.join(root, name);
  if (!fs.statSync(full).isDirectory()) return [name];
  return fs
    .readdirSync(full, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(root, path.join(entry.parentPath, entry.name)));
}
