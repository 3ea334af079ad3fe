/** Nobody gave a connection back in time. */
export class PoolExhausted extends Error {
  /** What to do about it. */
  readonly hint: string;

  constructor(message: string, hint: string) {
    super(message);
    this.name = 'PoolExhausted';
    this.hint = hint;
  }
}

/** What a waiter found itself in when its time was up. */
export interface Shortage {
  readonly backend: string;
  readonly pool: string;
  readonly waitedMs: number;
  /** Most connections that the pool may have, and how many its sessions have. */
  readonly size: number;
  readonly active: number;
  /** Sessions that still wait. */
  readonly waiting: number;
  /** Set when the limit of the backend is what stands in the way. */
  readonly perBackend: number | null;
  /** Set when the endpoint is paused. */
  readonly pausedEndpoint: string | null;
}

const WHO = 'SHOW WAITS in the console, and the window, name who holds them.';

/** Says which limit was in the way. */
export function exhausted(shortage: Shortage): PoolExhausted {
  const { backend, pool, size, active, waiting, perBackend, pausedEndpoint } = shortage;
  const vain = `no server connection to ${backend} became free within ${Math.round(shortage.waitedMs / 1000)} s`;
  if (pausedEndpoint !== null) return new PoolExhausted(`${vain}: endpoint ${pausedEndpoint} is paused`, 'RESUME it, then try again.');
  const others = waiting > 0 ? `, ${waiting} more wait` : '';
  if (perBackend !== null) {
    return new PoolExhausted(
      `${vain}: the backend has as many as it may (pooling.perBackend ${perBackend})${others}`,
      `Raise pooling.perBackend (and max_connections of the server), or close clients that are idle. ${WHO}`,
    );
  }
  const all = active >= size ? `all ${size} of pool ${pool} are in use` : `pool ${pool} got no further one (${active} of ${size} in use)`;
  return new PoolExhausted(
    `${vain}: ${all}${others}`,
    `Raise --pool-size (pooling.size, and max_connections of the server), pool by transaction, or close clients that are idle. ${WHO}`,
  );
}
