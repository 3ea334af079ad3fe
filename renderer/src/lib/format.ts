const grouped = new Intl.NumberFormat('en-GB');
const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' });
const full = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'medium' });

/** `12,345`. */
export function formatCount(value: number): string {
  return grouped.format(value);
}

/** At most four characters and a unit: `980`, `12.3k`, `4.5M`. For columns that must not change their width. */
export function formatShort(value: number): string {
  return scaled(value, ['', 'k', 'M', 'G', 'T'], '');
}

/** Decimal units as disks and networks count: `980 B`, `12.3 kB`. */
export function formatBytes(bytes: number): string {
  return scaled(bytes, ['B', 'kB', 'MB', 'GB', 'TB'], ' ');
}

function scaled(value: number, units: readonly string[], gap: string): string {
  let rest = value;
  let step = 0;
  // 999.5 would be printed as 1000.
  while (rest >= 999.5 && step < units.length - 1) {
    rest /= 1000;
    step += 1;
  }
  const digits = step === 0 ? String(Math.round(rest)) : rest.toFixed(rest < 99.95 ? 1 : 0);
  return `${digits}${gap}${units[step] ?? ''}`.trimEnd();
}

/** A duration in milliseconds as an operator reads it: `0.4 ms`, `12 ms`, `1.8 s`, `2 min 5 s`. */
export function formatMs(ms: number): string {
  if (ms === 0) return '0 ms';
  if (ms < 9.95) return `${ms.toFixed(1)} ms`;
  if (ms < 999.5) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  return formatSpan(ms);
}

/** A longer time in whole units, two of them at most: `8 s`, `2 min 5 s`, `3 h 4 min`, `2 d 1 h`. */
export function formatSpan(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${seconds % 60} s`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return `${hours} h ${minutes % 60} min`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** The same where space is short and the width should not change: `8 s`, `2 m 5 s`, `3 h 4 m`, `2 d 1 h`. */
export function formatSpanShort(ms: number): string {
  return formatSpan(ms).replaceAll('min', 'm');
}

/** `14:03:09`. */
export function formatClock(at: number): string {
  return clock.format(at);
}

/** `21 Nov 2026, 14:03:09`. */
export function formatMoment(at: number): string {
  return full.format(at);
}

/** `1 session`, `12 sessions`. */
export function plural(count: number, one: string, many = `${one}s`): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`;
}

/** What happened and, if known, what would help, as two sentences whatever the first ends with. */
export function sentences(what: string, hint: string | null | undefined): string {
  if (hint === null || hint === undefined) return what;
  return `${what}${/[.!?]$/.test(what) ? '' : '.'} ${hint}`;
}

/** A share as a whole percentage; `–` of nothing. */
export function formatShare(part: number, whole: number): string {
  return whole === 0 ? '–' : `${Math.round((100 * part) / whole)} %`;
}

/** How many times one is the other: `4.2`, `460`, `12.3k`; `–` of nothing. */
export function formatRatio(part: number, whole: number): string {
  if (whole === 0) return '–';
  const ratio = part / whole;
  return ratio < 99.95 ? ratio.toFixed(1) : formatShort(ratio);
}

/** Words that were made to stand inside a sentence, as one of their own: `It holds a lock.` */
export function asSentence(words: string): string {
  return `${words.charAt(0).toUpperCase()}${words.slice(1)}${/[.!?…]$/.test(words) ? '' : '.'}`;
}
