/**
 * Must be imported before any schema: zod compiles object parsers with `new Function` where it can, and finds out by trying,
 * which the page's CSP reports as a violation.
 */
import * as z from 'zod';

z.config({ jitless: true });
