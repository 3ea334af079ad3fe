import { defineConfig } from '@playwright/test';
import base from '../playwright.config.ts';

/** As the end-to-end tests, in a folder of their own: they need the machine to themselves. */
export default defineConfig(base, { testDir: '.', outputDir: '../../test-results/performance', timeout: 180_000 });
