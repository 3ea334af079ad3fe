/** Vitest's matchers of texts, with the type of what they stand for. */
import { expect } from 'vitest';

/** A text that fits. */
export const text = (pattern: RegExp | string): string =>
  (typeof pattern === 'string' ? expect.stringContaining(pattern) : expect.stringMatching(pattern)) as string;
