/** Seconds from a field, as milliseconds; null where they do not fit. */
export function millisecondsOf(text: string): number | null {
  const value = Number(text);
  return text.trim() !== '' && Number.isFinite(value) && value >= 0 && value <= 3600 ? Math.round(value * 1000) : null;
}
