/**
 * Builds the window once for both hosts (Electron's `app://` and the headless HTTP server), hence the relative base.
 *
 * Styling is CSS Modules over tokens kept as CSS variables. Tailwind was measured to be equally good here; leaving it out
 * saves one native build tool, and with it one more package whose foreign-platform builds must exist in the registry.
 */
import path from 'node:path';
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

export default defineConfig({
  root: import.meta.dirname,
  base: './',
  plugins: [react()],
  resolve: { alias: [{ find: /^zod$/, replacement: path.join(import.meta.dirname, 'src/bridge/zod-without-eval.ts') }] },
  build: {
    outDir: '../dist/renderer',
    emptyOutDir: true,
    target: 'chrome120',
    // The page's CSP allows no inline script and `data:` only for images: keep every asset a file.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
});
