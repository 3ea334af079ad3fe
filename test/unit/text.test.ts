import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { bytesOf, textOf } from '../../core/wire/text.ts';

describe('text of an undeclared encoding', () => {
  it('is what it seems to be where it is UTF-8', () => {
    for (const text of ['', 'postgres', 'jürgen', '日本', '😀 and more']) {
      expect(textOf(Buffer.from(text))).toBe(text);
      expect(bytesOf(text)).toEqual(Buffer.from(text));
    }
  });

  it('keeps every other byte', () => {
    const latin1 = Buffer.from('jürgen 😀', 'utf8');
    const mixed = Buffer.concat([Buffer.from([0xfc, 0xe2, 0x82]), latin1, Buffer.from([0xf0, 0x9f, 0x98])]);
    expect(textOf(mixed)).toContain('jürgen 😀');
    expect(bytesOf(textOf(mixed))).toEqual(mixed);
    for (let round = 0; round < 2_000; round++) {
      const bytes = randomBytes(round % 40);
      expect(bytesOf(textOf(bytes))).toEqual(bytes);
    }
    for (let byte = 0; byte < 256; byte++) expect(bytesOf(textOf(Buffer.from([byte])))).toEqual(Buffer.from([byte]));
  });

  it('shows as text, and as JSON', () => {
    expect(JSON.parse(JSON.stringify(textOf(Buffer.from([0x61, 0xfc]))))).toBe('a\udcfc');
    expect(Buffer.from(textOf(Buffer.from([0x61, 0xfc])), 'utf8').toString()).toBe('a\ufffd');
  });
});
