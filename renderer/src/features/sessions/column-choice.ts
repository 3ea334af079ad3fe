import * as z from 'zod';
import { create } from 'zustand';
import { columns } from './columns.tsx';
import type { Column } from './columns.tsx';
import { isSortColumn } from './sort.ts';
import type { SortColumn } from './sort.ts';

const KEY = 'switchyard.columns';
/** A column is never narrower than this, nor wider than that, in pixels. */
const NARROWEST = 34;
const WIDEST = 900;
/** The tick box and the id, which are always there. */
const ALWAYS_PX = 82;

const kept = z.object({ shown: z.array(z.string()), widths: z.record(z.string(), z.number().min(NARROWEST).max(WIDEST)) });

/** Which columns there are and how wide, in this browser. */
interface ColumnChoice {
  shown: ReadonlySet<SortColumn>;
  /** In pixels, of those that were given a width; the others share what is left. */
  widths: ReadonlyMap<SortColumn, number>;
}

const standard = (): ColumnChoice => ({
  shown: new Set(columns.filter((column) => column.extra !== true).map((column) => column.key)),
  widths: new Map(),
});

/** The choice at work. */
export const useColumnChoice = create<ColumnChoice>()(() => read());

/** Shows a column or takes it away. */
export function toggleColumn(key: SortColumn): void {
  useColumnChoice.setState(({ shown }) => {
    const next = new Set(shown);
    if (!next.delete(key)) next.add(key);
    return { shown: next };
  });
  keep();
}

/** Gives a column a width in pixels; null: its share of what is left. */
export function setColumnWidth(key: SortColumn, px: number | null): void {
  useColumnChoice.setState(({ widths }) => {
    const next = new Map(widths);
    if (px === null) next.delete(key);
    else next.set(key, Math.round(Math.max(NARROWEST, Math.min(WIDEST, px))));
    return { widths: next };
  });
  keep();
}

/** All columns as they are at the beginning. */
export function resetColumns(): void {
  useColumnChoice.setState(standard());
  keep();
}

/** The columns that are shown, in the table's order. */
export function shownColumns({ shown }: ColumnChoice): readonly Column[] {
  return columns.filter((column) => shown.has(column.key));
}

/** The tracks of the table's grid, and the least width of all of them together in pixels. */
export function tracksOf(choice: ColumnChoice): { tracks: string; least: number } {
  const widths = shownColumns(choice).map((column) => ({ column, px: choice.widths.get(column.key) }));
  const tracks = widths.map(({ column, px }) => (px === undefined ? column.width : `${px}px`));
  return {
    tracks: ['32px', '50px', ...tracks].join(' '),
    least: widths.reduce((sum, { column, px }) => sum + (px ?? column.least), ALWAYS_PX),
  };
}

function keep(): void {
  const { shown, widths } = useColumnChoice.getState();
  try {
    window.localStorage.setItem(KEY, JSON.stringify({ shown: [...shown], widths: Object.fromEntries(widths) }));
  } catch {
    // Without storage the choice lasts as long as the window.
  }
}

function read(): ColumnChoice {
  try {
    const parsed = kept.safeParse(JSON.parse(window.localStorage.getItem(KEY) ?? 'null'));
    if (!parsed.success) return standard();
    return {
      shown: new Set(parsed.data.shown.filter(isSortColumn)),
      widths: new Map(Object.entries(parsed.data.widths).flatMap(([key, px]) => (isSortColumn(key) ? [[key, px] as const] : []))),
    };
  } catch {
    return standard();
  }
}
