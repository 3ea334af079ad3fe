/** Addresses in one form, however a system writes them. */

/** Without brackets and zone, and an IPv4 address that stands in an IPv6 one as itself. */
export function plainAddress(address: string): string {
  const bare = address
    .replace(/^\[|\]$/g, '')
    .replace(/%.*$/, '')
    .toLowerCase();
  return /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(bare)?.[1] ?? bare;
}
