/**
 * Stands in for `zod` in the window (vite.config.ts): zod compiles object parsers with `new Function` where it can, and finds out by
 * trying, which the page's CSP reports as a violation. It has to be told before the first schema is made, and whoever makes one imports
 * it from here: an import at the head of the page is not enough, because what is shared between chunks runs before the page's own.
 */
import { config } from 'zod/v4';

config({ jitless: true });

export * from 'zod/v4';
