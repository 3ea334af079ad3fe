import type { SessionRow } from '../../../../core/contract/index.ts';

/** What passes along a track, per second, smoothed. */
export interface Rate {
  /** Both directions together. */
  bytes: number;
  queries: number;
}

/** Traffic by track: `clientKey` and `serverKey` name them. */
export type Rates = ReadonlyMap<string, Rate>;

/** The name of the way from an application to an endpoint. */
export function clientKey(application: string, endpoint: string): string {
  return `client\n${application}\n${endpoint}`;
}

/** The name of the way from an endpoint to a server. */
export function serverKey(endpoint: string, backend: string): string {
  return `server\n${endpoint}\n${backend}`;
}

/** Time in which a rate follows two thirds of a change, in milliseconds: long enough that lines do not flicker. */
const SMOOTH_MS = 1_500;
/** Below this a track counts as quiet, in bytes per second. */
const QUIET = 1;

/** Turns the sessions' ever growing counters into rates per track. Only differences count: what a session did before it was seen is not traffic. */
export class Traffic {
  #seen = new Map<number, { bytes: number; queries: number }>();
  #rates = new Map<string, Rate>();
  #at: number | null = null;

  /** Takes the sessions as they are at `at` (milliseconds) and returns the rates. */
  measure(sessions: ReadonlyMap<number, SessionRow>, at: number): Rates {
    const passed = this.#at === null ? 0 : at - this.#at;
    this.#at = at;
    const moved = new Map<string, Rate>();
    const seen = new Map<number, { bytes: number; queries: number }>();
    for (const row of sessions.values()) {
      const bytes = row.bytesIn + row.bytesOut;
      seen.set(row.id, { bytes, queries: row.queries });
      const before = this.#seen.get(row.id);
      if (!before) continue;
      const more = { bytes: Math.max(0, bytes - before.bytes), queries: Math.max(0, row.queries - before.queries) };
      add(moved, clientKey(row.application, row.endpoint), more);
      add(moved, serverKey(row.endpoint, row.backend), more);
    }
    this.#seen = seen;
    if (passed > 0) this.#smooth(moved, passed);
    return this.#rates;
  }

  #smooth(moved: ReadonlyMap<string, Rate>, passed: number): void {
    const part = 1 - Math.exp(-passed / SMOOTH_MS);
    const next = new Map<string, Rate>();
    for (const key of new Set([...this.#rates.keys(), ...moved.keys()])) {
      const before = this.#rates.get(key) ?? { bytes: 0, queries: 0 };
      const now = moved.get(key) ?? { bytes: 0, queries: 0 };
      const bytes = before.bytes + part * ((1000 * now.bytes) / passed - before.bytes);
      const queries = before.queries + part * ((1000 * now.queries) / passed - before.queries);
      if (bytes >= QUIET) next.set(key, { bytes, queries });
    }
    this.#rates = next;
  }
}

function add(rates: Map<string, Rate>, key: string, { bytes, queries }: Rate): void {
  const rate = rates.get(key) ?? { bytes: 0, queries: 0 };
  rates.set(key, { bytes: rate.bytes + bytes, queries: rate.queries + queries });
}

/** The rates of several tracks together. */
export function sumOf(rates: Rates, keys: Iterable<string>): Rate {
  const sum = { bytes: 0, queries: 0 };
  for (const key of keys) {
    const rate = rates.get(key);
    if (!rate) continue;
    sum.bytes += rate.bytes;
    sum.queries += rate.queries;
  }
  return sum;
}

/** How thick a track is drawn, in pixels: by the order of magnitude, from a thin line for a quiet one to that of 100 MB a second. */
export function thickness(rate: Rate | undefined): number {
  if (!rate) return 2;
  return Math.min(13, Math.round(2 * (2.5 + 2.1 * Math.log10(1 + rate.bytes / 1000))) / 2);
}
