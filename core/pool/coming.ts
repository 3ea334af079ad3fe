/** Connections that come by themselves: logins under way, and what the pool is busy with. Who waits for one needs no other. */
import type { Logins } from './logins.ts';
import type { Stock } from './stock.ts';

/** How long one on its way back is waited for while there is room for another. */
const PATIENCE_MS = 250;

/** How many there are of each key. */
export function comingByKey(logins: Logins, stock: Stock, now: number): Map<string, number> {
  const coming = new Map<string, number>();
  const add = ({ key }: { readonly key: string }): void => void coming.set(key, (coming.get(key) ?? 0) + 1);
  for (const dialling of logins.all()) add(dialling);
  for (const member of stock.coming()) if (now - member.since < PATIENCE_MS) add(member);
  return coming;
}

/** When the next of them is not waited for any longer, milliseconds since the epoch. */
export function endOfPatience(stock: Stock, now: number): number {
  return Math.min(Infinity, ...stock.coming().map(({ since }) => (since + PATIENCE_MS > now ? since + PATIENCE_MS : Infinity)));
}
