/** Prometheus' text format, version 0.0.4 (prometheus.io/docs/instrumenting/exposition_formats). */
import type { HistogramCounts } from './histogram.ts';

/** To be sent along with the text. */
export const prometheusContentType = 'text/plain; version=0.0.4; charset=utf-8';

export type Labels = Readonly<Record<string, string>>;

/** One metric: its name, what it means, and a value for each of its label sets. */
export type Family =
  | {
      readonly name: string;
      readonly help: string;
      readonly type: 'counter' | 'gauge';
      readonly samples: readonly { readonly labels: Labels; readonly value: number }[];
    }
  | { readonly name: string; readonly help: string; readonly type: 'histogram'; readonly counts: HistogramCounts }
  | {
      readonly name: string;
      readonly help: string;
      readonly type: 'histogram';
      /** One per label set. */
      readonly series: readonly { readonly labels: Labels; readonly counts: HistogramCounts }[];
    };

/**
 * The text of a page. Families without a value are left out; values with the same labels are added up, since clients choose names that
 * may turn out alike (what is no Unicode in them becomes U+FFFD). Throws if a family comes twice.
 */
export function exposition(families: readonly Family[]): string {
  const names = new Set<string>();
  const lines: string[] = [];
  for (const family of families) {
    const { name, help, type } = family;
    if (names.has(name)) throw new Error(`metric ${name} is there twice`);
    names.add(name);
    const samples = linesOf(family);
    if (samples.length > 0) lines.push(`# HELP ${name} ${escaped(help, false)}`, `# TYPE ${name} ${type}`, ...samples);
  }
  return `${lines.join('\n')}\n`;
}

function sampleLines(name: string, samples: readonly { readonly labels: Labels; readonly value: number }[]): string[] {
  const values = new Map<string, number>();
  for (const { labels, value } of samples) {
    const text = labelText(labels);
    values.set(text, value + (values.get(text) ?? 0));
  }
  return [...values].map(([text, value]) => `${name}${text} ${numberText(value)}`);
}

function linesOf(family: Family): string[] {
  if ('samples' in family) return sampleLines(family.name, family.samples);
  if ('counts' in family) return histogramLines(family.name, family.counts, {});
  return family.series.flatMap(({ labels, counts }) => histogramLines(family.name, counts, labels));
}

function histogramLines(name: string, { buckets, sum, count }: HistogramCounts, labels: Labels): string[] {
  const bucket = (upTo: string, value: number): string => `${name}_bucket${labelText({ ...labels, le: upTo })} ${value}`;
  return [
    ...buckets.map(({ upTo, count: value }) => bucket(numberText(upTo), value)),
    bucket('+Inf', count),
    `${name}_sum${labelText(labels)} ${numberText(sum)}`,
    `${name}_count${labelText(labels)} ${count}`,
  ];
}

function labelText(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value, true)}"`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

function escaped(text: string, quoted: boolean): string {
  const unicode = /[\ud800-\udfff]/.test(text) ? Buffer.from(text).toString() : text;
  const safe = unicode.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
  return quoted ? safe.replaceAll('"', '\\"') : safe;
}

function numberText(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : '-Inf';
  return String(value);
}
