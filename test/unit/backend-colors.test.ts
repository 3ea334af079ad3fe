import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { BACKEND_COLORS } from '../../core/contract/index.ts';
import { BackendColors } from '../../core/endpoints/colors.ts';

it('gives every backend the least used colour at first sight, and keeps it', () => {
  const mapped: string[] = [];
  const colors = new BackendColors(() => mapped);
  const see = (backend: string): number => {
    mapped.push(backend);
    return colors.of(backend);
  };
  expect(Array.from({ length: BACKEND_COLORS }, (_, index) => see(`host:${index}`))).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  // Its backend has gone from the map: its colour is free again, and still its own when it comes back.
  mapped.splice(mapped.indexOf('host:5'), 1);
  expect(see('late:1')).toBe(5);
  expect(colors.of('host:5')).toBe(5);
  expect(colors.of('host:2')).toBe(2);
});

it('takes what was kept and what was chosen, and keeps only what the map names', () => {
  const colors = new BackendColors(() => ['a:1', 'b:1'], { 'a:1': 6, 'gone:1': 3 });
  expect(colors.of('a:1')).toBe(6);
  colors.set('b:1', 6);
  expect(colors.mapped()).toEqual({ 'a:1': 6, 'b:1': 6 });
  for (const wrong of [-1, 8, 1.5]) expect(() => colors.set('a:1', wrong)).toThrow(RangeError);
});

it('has colours that stand out from panel, ground and raised parts, by night and by day, enough to write a letter on them', () => {
  const css = readFileSync(new URL('../../renderer/src/ui/tokens.css', import.meta.url), 'utf8');
  const [dark = '', light = ''] = css.split(":root[data-theme='light']");
  for (const [theme, text] of Object.entries({ dark, light: light.slice(0, light.indexOf('}')) })) {
    const token = (name: string): string => new RegExp(`--${name}: (#[0-9a-f]{6});`).exec(text)?.[1] ?? '';
    const fills = Array.from({ length: BACKEND_COLORS }, (_, index) => token(`backend-${index}`));
    expect(new Set(fills).size, theme).toBe(BACKEND_COLORS);
    for (const fill of fills) {
      for (const under of ['ground', 'raised', 'inset']) expect(contrast(fill, token(under)), `${theme} ${fill}`).toBeGreaterThan(3);
      expect(contrast(fill, token('panel')), `${theme} ${fill}`).toBeGreaterThan(4.5);
    }
  }
});

/** WCAG 2.2, "contrast ratio". */
function contrast(one: string, other: string): number {
  const [lighter = 0, darker = 0] = [luminance(one), luminance(other)].sort((a, b) => b - a);
  return (lighter + 0.05) / (darker + 0.05);
}

function luminance(hex: string): number {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) => {
    const part = Number.parseInt(hex.slice(at, at + 2), 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}
