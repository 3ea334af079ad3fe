import path from 'node:path';
import { build } from 'vite';

/** Builds the window into dist/renderer, the folder both hosts serve. */
export async function bundleWindow(root) {
  await build({
    root: path.join(root, 'renderer'),
    configFile: path.join(root, 'renderer/vite.config.ts'),
    base: './',
    logLevel: 'warn',
    build: { outDir: path.join(root, 'dist/renderer'), emptyOutDir: true },
  });
}
