import fs from 'node:fs';
import path from 'node:path';

/**
 * Whether node_modules is what package-lock.json asks for. npm notes what it installed in node_modules/.package-lock.json;
 * packages for other systems are missing there, rightly.
 * @returns {string | null} why an install is needed; null when it is not
 */
export function missingPackages(root) {
  const installed = read(path.join(root, 'node_modules/.package-lock.json'));
  if (installed === null) return 'there are none yet';
  const wanted = read(path.join(root, 'package-lock.json')) ?? {};
  for (const [name, entry] of Object.entries(wanted)) {
    if (name === '') continue;
    const version = installed[name]?.version;
    if (version === entry.version || (version === undefined && entry.optional)) continue;
    return `${name.replace(/^.*node_modules\//, '')} is ${version ?? 'missing'}, wanted ${entry.version}`;
  }
  return null;
}

function read(file) {
  try {
    return JSON.parse(fs.readFileSync(file, 'utf8')).packages;
  } catch {
    return null;
  }
}
