/**
 * The smallest of 2, 4, 10, 20, 40, 100, … that holds `value`: an axis that changes in steps does not tremble, and its middle
 * is a whole number.
 */
export function steppedTop(value: number): number {
  if (value <= 2) return 2;
  const power = 10 ** Math.floor(Math.log10(value));
  return ([1, 2, 4].find((step) => value <= step * power) ?? 10) * power;
}
