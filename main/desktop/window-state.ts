import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Rectangle } from 'electron';
import * as z from 'zod';

/** Half of the usual size to three times; at 200 % (level 3.8) everything must still be usable. */
export const zoomLimits = { least: -4, most: 6 } as const;

const pixels = z.number().int();
const schema = z.strictObject({
  version: z.literal(1),
  bounds: z.object({ x: pixels, y: pixels, width: pixels.positive(), height: pixels.positive() }),
  maximized: z.boolean(),
  theme: z.enum(['system', 'light', 'dark']),
  /** Electron's zoom level: 0 is 100 %, each step 20 % more or less. */
  zoom: z.number().min(zoomLimits.least).max(zoomLimits.most).default(0),
});

/** What is remembered of the window: bounds in device-independent pixels, whether it filled the screen, its theme and its zoom. */
export type WindowState = z.infer<typeof schema>;
export type Theme = WindowState['theme'];

/** The smallest window in which every view is usable. */
export const smallest = { width: 960, height: 600 } as const;
const preferred = { width: 1360, height: 860 } as const;

/** The remembered state, or the default: a missing, broken or foreign file is no reason not to start. */
export function readWindowState(file: string, workAreas: readonly Rectangle[]): WindowState {
  const primary = workAreas[0] ?? { x: 0, y: 0, ...preferred };
  let stored: unknown;
  try {
    stored = JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    stored = null;
  }
  const parsed = schema.safeParse(stored);
  if (!parsed.success) return { version: 1, bounds: centred(primary), maximized: false, theme: 'system', zoom: 0 };
  return { ...parsed.data, bounds: fitted(parsed.data.bounds, workAreas) };
}

/** Replaces the file as a whole, readable by its owner only. */
export function writeWindowState(file: string, state: WindowState): void {
  mkdirSync(path.dirname(file), { recursive: true });
  const fresh = `${file}.${process.pid}.new`;
  writeFileSync(fresh, JSON.stringify(state), { mode: 0o600 });
  renameSync(fresh, file);
}

/** Moves and shrinks bounds into the display they overlap most; centres them on the first when they overlap none. */
export function fitted(bounds: Rectangle, workAreas: readonly Rectangle[]): Rectangle {
  const [best] = workAreas.map((area) => ({ area, shared: overlap(bounds, area) })).sort((a, b) => b.shared - a.shared);
  if (best === undefined) return bounds;
  if (best.shared === 0) return centred(best.area);
  const { area } = best;
  const width = clamp(bounds.width, smallest.width, area.width);
  const height = clamp(bounds.height, smallest.height, area.height);
  return {
    x: clamp(bounds.x, area.x, area.x + area.width - width),
    y: clamp(bounds.y, area.y, area.y + area.height - height),
    width,
    height,
  };
}

function centred(area: Rectangle): Rectangle {
  const width = Math.min(preferred.width, area.width);
  const height = Math.min(preferred.height, area.height);
  return { x: area.x + Math.round((area.width - width) / 2), y: area.y + Math.round((area.height - height) / 2), width, height };
}

function overlap(a: Rectangle, b: Rectangle): number {
  const width = Math.min(a.x + a.width, b.x + b.width) - Math.max(a.x, b.x);
  const height = Math.min(a.y + a.height, b.y + b.height) - Math.max(a.y, b.y);
  return width > 0 && height > 0 ? width * height : 0;
}

/** The upper bound wins where the two contradict (a display smaller than the smallest window). */
function clamp(value: number, low: number, high: number): number {
  return Math.min(Math.max(value, low), high);
}
