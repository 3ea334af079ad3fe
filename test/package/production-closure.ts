import { readFileSync } from 'node:fs';
import path from 'node:path';
import * as z from 'zod';

const entry = z.object({
  dev: z.boolean().optional(),
  devOptional: z.boolean().optional(),
  os: z.array(z.string()).optional(),
  dependencies: z.record(z.string(), z.string()).optional(),
});
const lockfile = z.object({ packages: z.record(z.string(), entry) });

/** The modules that a package needs at run time, by the lockfile: everything that the given ones depend on, without optional ones. */
export function productionClosure(root: string, roots: readonly string[]): string[] {
  const { packages } = lockfile.parse(JSON.parse(readFileSync(path.join(root, 'package-lock.json'), 'utf8')));
  const found = new Set<string>();
  const visit = (name: string): void => {
    if (found.has(name)) return;
    const known = packages[`node_modules/${name}`];
    if (known === undefined) throw new Error(`package-lock.json has no ${name}`);
    found.add(name);
    for (const dependency of Object.keys(known.dependencies ?? {})) visit(dependency);
  };
  for (const name of roots) visit(name);
  return [...found].sort();
}
