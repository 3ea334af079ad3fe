import { defineConfig } from '@playwright/test';
import base from '../playwright.config.ts';

/** Pictures to look at: `npm run screenshots` leaves them in test-results/screenshots. */
export default defineConfig(base, { testDir: '.', outputDir: '../../test-results/screenshots-run', timeout: 120_000 });
