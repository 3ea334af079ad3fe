/** Nobody gave a connection back in time: which limit was in the way, and what to do about it. */
import type { Settings } from '../contract/index.ts';

/** See the head of this file. */
export class PoolExhausted extends Error {
  /** What to do about it. */
  readonly hint: string;

  constructor(message: string, hint: string) {
    super(message);
    this.name = 'PoolExhausted';
    this.hint = hint;
  }
}

/** What a waiter found when its time was up. */
export interface Shortage {
  readonly backend: string;
  /** The key of the pool, how many of its connections are in use, open or being opened, and who still waits. */
  readonly key: string;
  readonly active: number;
  readonly used: number;
  readonly waiting: number;
  /** The limit of the backend, when it is reached. */
  readonly perBackend: number | null;
  /** The endpoint, when it is paused. */
  readonly paused: string | null;
}

const WHO = 'SHOW WAITS in the console, and the window, name who holds them.';

/** Says it, by the settings of the moment. */
export function exhausted(shortage: Shortage, { size, reserve, wait }: Settings['pooling']): PoolExhausted {
  const { backend, key, active, used, waiting, perBackend, paused } = shortage;
  const vain = `no server connection to ${backend} became free within ${wait} s`;
  if (paused !== null) return new PoolExhausted(`${vain}: endpoint ${paused} is paused`, 'RESUME it, then try again.');
  const others = waiting > 0 ? `, ${waiting} more wait` : '';
  if (perBackend !== null && used < size) {
    return new PoolExhausted(
      `${vain}: it has as many as it may (pooling.perBackend ${perBackend})${others}`,
      `Raise pooling.perBackend (and max_connections of the server), or close clients that are idle. ${WHO}`,
    );
  }
  const most = size + reserve;
  const all = active >= most ? `all ${most} of pool ${key} are in use` : `${active} of ${most} of pool ${key} are in use`;
  return new PoolExhausted(
    `${vain}: ${all}${others}`,
    `Raise --pool-size (pooling.size, and max_connections of the server), pool by transaction, or close clients that are idle. ${WHO}`,
  );
}
