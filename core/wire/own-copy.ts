/**
 * A copy in memory of its own, for a few bytes that are kept for long. `Buffer.from` and `Buffer.concat` cut theirs out of a slab of 8 KiB,
 * which stays as long as any piece of it does.
 */
export function ownCopy(bytes: Buffer): Buffer {
  const copy = Buffer.allocUnsafeSlow(bytes.length);
  bytes.copy(copy);
  return copy;
}
