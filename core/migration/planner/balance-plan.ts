/** The arithmetic of balancing (cockroach-migration.md section 7): who is to move, how many in one round, and where to. */

/** The sessions on one backend. */
export interface Load<S> {
  readonly backend: string;
  readonly count: number;
  /** Those of them that may be moved now. */
  readonly movable: readonly S[];
}

/** A number from 0 to below 1, as `Math.random`. */
export type Random = () => number;

/** Up to `n` different ones, in random order. */
export function pick<S>(from: readonly S[], n: number, random: Random): S[] {
  const rest = [...from];
  const picked: S[] = [];
  while (picked.length < n && rest.length > 0) {
    const at = Math.floor(random() * rest.length);
    const last = rest.pop() as S;
    picked.push(at === rest.length ? last : (rest[at] as S));
    if (at < rest.length) rest[at] = last;
  }
  return picked;
}

/**
 * Those that would have to move for every backend to be near the average: all above the upper bound, and as many more as the backends below
 * the lower bound lack, from those above the middle. `threshold`: how far from the average the bounds are, as a share of it.
 */
export function overload<S>(loads: readonly Load<S>[], threshold: number, random: Random): S[] {
  const average = loads.reduce((sum, { count }) => sum + count, 0) / loads.length;
  const low = Math.max(1, Math.floor((1 - threshold) * average));
  const high = Math.max(1, Math.ceil((1 + threshold) * average));
  const middle = Math.floor((low + high) / 2);
  const moving: S[] = [];
  const spare: S[] = [];
  let missing = 0;
  for (const { count, movable } of loads) {
    const mixed = pick(movable, movable.length, random);
    const above = mixed.slice(0, Math.max(0, count - high));
    moving.push(...above);
    spare.push(...mixed.slice(above.length, above.length + Math.max(0, Math.min(count, high) - middle)));
    missing += Math.max(0, low - count);
  }
  return [...moving, ...pick(spare, missing - moving.length, random)];
}

/** Those of them that move in this round: a share of them, rounded up. */
export function inThisRound<S>(overloaded: readonly S[], rate: number, random: Random): S[] {
  return pick(overloaded, Math.ceil(overloaded.length * rate), random);
}

/** Where each goes: to the backend that has the fewest by then, never where it is. */
export function destinations<S>(sessions: readonly S[], loads: readonly Load<S>[], backendOf: (session: S) => string): Map<string, S[]> {
  const counts = new Map(loads.map(({ backend, count }) => [backend, count]));
  const going = new Map<string, S[]>();
  for (const session of sessions) {
    const from = backendOf(session);
    let to: string | null = null;
    for (const [backend, count] of counts) {
      if (backend !== from && (to === null || count < (counts.get(to) ?? 0))) to = backend;
    }
    // It would only change places.
    if (to === null || (counts.get(to) ?? 0) >= (counts.get(from) ?? 0) - 1) continue;
    counts.set(from, (counts.get(from) ?? 1) - 1);
    counts.set(to, (counts.get(to) ?? 0) + 1);
    going.set(to, [...(going.get(to) ?? []), session]);
  }
  return going;
}
