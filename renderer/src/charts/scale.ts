/** The smallest of 1, 2, 5, 10, 20, 50, … that holds `value`: an axis that changes in steps does not tremble. */
export function steppedTop(value: number): number {
  if (value <= 1) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  for (const step of [1, 2, 5]) if (value <= step * power) return step * power;
  return 10 * power;
}
