/** What is drawn in a strip chart, as SVG paths. Null is a gap: nothing was measured there. */

type Values = readonly (number | null)[];

/** The frame that paths are drawn in, in pixels; `top` is the value at the upper edge, 0 is at the lower one. */
export interface Plot {
  width: number;
  height: number;
  top: number;
  /** How many buckets share the width. */
  length: number;
}

const round = (value: number): string => value.toFixed(1).replace(/\.0$/, '');

/** The middle of a bucket. */
export function xOf({ width, length }: Pick<Plot, 'width' | 'length'>, bucket: number): number {
  return ((bucket + 0.5) * width) / Math.max(1, length);
}

/** Where a value stands; beyond the top it stands at the top. */
export function yOf({ height, top }: Pick<Plot, 'height' | 'top'>, value: number): number {
  return height * (1 - Math.min(1, Math.max(0, value / top)));
}

/** Stretches of buckets in which something was measured, as first and last bucket. */
export function stretches(values: Values): [number, number][] {
  const found: [number, number][] = [];
  for (const [bucket, value] of values.entries()) {
    if (value === null) continue;
    const last = found.at(-1);
    if (last?.[1] === bucket - 1) last[1] = bucket;
    else found.push([bucket, bucket]);
  }
  return found;
}

function run(plot: Plot, values: Values, first: number, last: number): string[] {
  const points: string[] = [];
  for (let bucket = first; bucket <= last; bucket += 1) {
    points.push(`${round(xOf(plot, bucket))} ${round(yOf(plot, values[bucket] ?? 0))}`);
  }
  return points;
}

/** A line through the values. One that stands alone is a short dash. */
export function linePath(plot: Plot, values: Values): string {
  return stretches(values)
    .map(([first, last]) => {
      const points = run(plot, values, first, last);
      return first === last ? `M${points[0] ?? ''}h1.5` : `M${points.join('L')}`;
    })
    .join('');
}

/** The area between two lines, `low` below `high`. Both have the same gaps. */
export function bandPath(plot: Plot, low: Values, high: Values): string {
  return stretches(high)
    .map(([first, last]) => `M${[...run(plot, high, first, last), ...run(plot, low, first, last).reverse()].join('L')}Z`)
    .join('');
}

/** One bar per bucket from `base` up to `base` + value; nothing where the value is 0. */
export function barsPath(plot: Plot, values: readonly number[], base: readonly number[]): string {
  const wide = plot.width / Math.max(1, plot.length);
  // A bucket is one or two pixels wide: what happened once in it must be seen all the same.
  const bar = Math.max(2, wide * 0.9);
  return values
    .map((value, bucket) => {
      if (value === 0) return '';
      const low = yOf(plot, base[bucket] ?? 0);
      const high = yOf(plot, (base[bucket] ?? 0) + value);
      return `M${round(xOf(plot, bucket) - bar / 2)} ${round(low)}V${round(Math.min(high, low - 1))}h${round(bar)}V${round(low)}Z`;
    })
    .join('');
}

/** Adds up what is stacked: where each of the lists begins. */
export function bases(lists: readonly (readonly number[])[]): number[][] {
  const sums: number[][] = [];
  let base: number[] = (lists[0] ?? []).map(() => 0);
  for (const list of lists) {
    sums.push(base);
    base = base.map((value, bucket) => value + (list[bucket] ?? 0));
  }
  return sums;
}
