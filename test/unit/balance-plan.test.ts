/** The arithmetic of balancing, with the figures of the first seed's own tests (cockroach-migration.md sections 7 and 8.7). */
import { describe, expect, it } from 'vitest';
import { destinations, inThisRound, overload, pick, type Load, type Random } from '../../core/migration/planner/balance-plan.ts';

const seed = Math.floor(Math.random() * 2 ** 31);
console.log(`balancing: seed ${seed}`);

/** mulberry32. */
function randomFrom(start: number): Random {
  let state = start;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
const random = randomFrom(seed);

interface One {
  readonly backend: string;
}

function loadsOf(counts: readonly number[], movable: (index: number, backend: number) => boolean = () => true): Load<One>[] {
  return counts.map((count, backend) => ({
    backend: `b${backend}`,
    count,
    movable: Array.from({ length: count }, () => ({ backend: `b${backend}` })).filter((_, index) => movable(index, backend)),
  }));
}

function byBackend(chosen: readonly One[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { backend } of chosen) counts[backend] = (counts[backend] ?? 0) + 1;
  return counts;
}

describe('overload', () => {
  it.each([
    { counts: [53, 0, 47], moving: 28, round: 14 },
    { counts: [20, 1, 9], moving: 8, round: 4 },
    { counts: [4, 4, 4, 0], moving: 2, round: 1 },
    { counts: [2, 1], moving: 0, round: 0 },
    { counts: [3, 0, 0], moving: 2, round: 1 },
    { counts: [1, 1, 2, 2, 2, 0], moving: 1, round: 1 },
    { counts: [1, 4, 1, 3, 1, 4], moving: 2, round: 1 },
    { counts: [0, 15, 0, 21, 0], moving: 18, round: 9 },
    { counts: [10, 10, 10], moving: 0, round: 0 },
    { counts: [0, 0], moving: 0, round: 0 },
    { counts: [1, 0], moving: 0, round: 0 },
  ])('$counts: $moving to move, $round in a round', ({ counts, moving, round }) => {
    const chosen = overload(loadsOf(counts), 0.15, random);
    expect(chosen).toHaveLength(moving);
    expect(new Set(chosen).size).toBe(moving);
    expect(inThisRound(chosen, 0.5, random)).toHaveLength(round);
  });

  it('counts as the seed does where the threshold is wide', () => {
    expect(overload(loadsOf([0, 25, 25, 25, 0]), 0.8, random)).toHaveLength(4);
  });

  it('takes from each backend what is too much there', () => {
    expect(byBackend(overload(loadsOf([0, 15, 0, 21, 0]), 0.15, random))).toEqual({ b1: 6, b3: 12 });
    expect(byBackend(overload(loadsOf([1, 4, 1, 3, 1, 4]), 0.15, random))).toEqual({ b1: 1, b5: 1 });
  });

  it('takes nobody who has to stay, and no other backend’s in their place', () => {
    expect(
      overload(
        loadsOf([20, 0], () => false),
        0.15,
        random,
      ),
    ).toEqual([]);
    expect(
      byBackend(
        overload(
          loadsOf([20, 1, 9], (index, backend) => backend === 0 && index < 3),
          0.15,
          random,
        ),
      ),
    ).toEqual({ b0: 3 });
  });
});

describe('a round', () => {
  it.each([
    [15, 0.5, 8],
    [100, 0.5, 50],
    [50, 0.5, 25],
    [25, 0.5, 13],
    [1, 0.01, 1],
    [12, 1, 12],
    [0, 1, 0],
  ])('of %i at rate %f moves %i', (count, rate, moving) => {
    expect(
      inThisRound(
        Array.from({ length: count }, (_, index) => index),
        rate,
        random,
      ),
    ).toHaveLength(moving);
  });

  it.each([
    [-1, 11, 0],
    [0, 11, 0],
    [1, 11, 1],
    [10, 11, 10],
    [100, 42, 42],
  ])('picks %i of %i: different ones', (n, of, got) => {
    const picked = pick(
      Array.from({ length: of }, (_, index) => index),
      n,
      random,
    );
    expect([picked.length, new Set(picked).size]).toEqual([got, got]);
    expect(picked.every((each) => each >= 0 && each < of)).toBe(true);
  });

  it('picks everybody equally often', () => {
    const hits = new Map<number, number>();
    for (let round = 0; round < 6_000; round++)
      for (const each of pick([0, 1, 2, 3, 4, 5], 2, random)) hits.set(each, (hits.get(each) ?? 0) + 1);
    // 2,000 each; five standard deviations.
    for (const count of hits.values()) expect(Math.abs(count - 2_000)).toBeLessThan(5 * Math.sqrt(6_000 * (1 / 3) * (2 / 3)));
  });
});

describe('destinations', () => {
  const spread = (counts: readonly number[], moving: readonly One[]): number[] => {
    const loads = loadsOf(counts);
    const after = [...counts];
    for (const [to, sessions] of destinations(moving, loads, ({ backend }) => backend)) {
      after[Number(to.slice(1))] = (after[Number(to.slice(1))] ?? 0) + sessions.length;
      for (const { backend } of sessions) after[Number(backend.slice(1))] = (after[Number(backend.slice(1))] ?? 0) - 1;
    }
    return after;
  };

  it('fill up the emptiest by then', () => {
    const loads = loadsOf([4, 4, 4, 0]);
    expect(spread([4, 4, 4, 0], overload(loads, 0.15, random)).toSorted((a, b) => a - b)).toEqual([2, 3, 3, 4]);
    expect(spread([12, 0, 0, 0], pick(loadsOf([12])[0]?.movable ?? [], 9, random))).toEqual([3, 3, 3, 3]);
  });

  it('move nobody who would only change places', () => {
    expect(spread([2, 2], loadsOf([2])[0]?.movable ?? [])).toEqual([2, 2]);
    expect(spread([3, 2], loadsOf([3])[0]?.movable ?? [])).toEqual([3, 2]);
  });

  it('come to rest: repeated rounds end within the bounds, whatever the start', () => {
    for (let run = 0; run < 200; run++) {
      let counts = Array.from({ length: 2 + Math.floor(random() * 6) }, () => Math.floor(random() * 200));
      for (let round = 0; round < 30; round++) {
        const moving = inThisRound(overload(loadsOf(counts), 0.15, random), 0.5, random);
        if (moving.length === 0) break;
        counts = spread(counts, moving);
      }
      const average = counts.reduce((sum, count) => sum + count, 0) / counts.length;
      for (const count of counts) {
        expect(count, counts.join()).toBeLessThanOrEqual(Math.max(1, Math.ceil(average * 1.15)));
        expect(count, counts.join()).toBeGreaterThanOrEqual(Math.floor(average * 0.85));
      }
    }
  });
});
