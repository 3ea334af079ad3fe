/** A colour per backend, so that it is known again wherever it is named: given at first sight, the least used first, and kept. */
import { BACKEND_COLORS } from '../contract/index.ts';

/** One number from 0 to `BACKEND_COLORS` - 1 per backend (`host:port`). */
export class BackendColors {
  readonly #colors = new Map<string, number>();
  readonly #mapped: () => Iterable<string>;

  /** `mapped`: the backends that the endpoint map names at the moment; only theirs count as used. `kept`: those of an earlier run. */
  constructor(mapped: () => Iterable<string>, kept: Readonly<Record<string, number>> = {}) {
    this.#mapped = mapped;
    for (const [backend, color] of Object.entries(kept)) this.set(backend, color);
  }

  /** The backend's colour; its first call gives it one. */
  of(backend: string): number {
    const known = this.#colors.get(backend);
    if (known !== undefined) return known;
    const color = this.#leastUsed();
    this.#colors.set(backend, color);
    return color;
  }

  /** The colour it has been given; undefined: it was not seen yet. */
  known(backend: string): number | undefined {
    return this.#colors.get(backend);
  }

  /** Gives a backend another colour, whoever else may have it. Throws `RangeError`. */
  set(backend: string, color: number): void {
    if (!Number.isInteger(color) || color < 0 || color >= BACKEND_COLORS) throw new RangeError(`there is no backend colour ${color}`);
    this.#colors.set(backend, color);
  }

  /** Those of the backends that the map names: to be kept for the next run. */
  mapped(): Record<string, number> {
    return Object.fromEntries([...new Set(this.#mapped())].map((backend) => [backend, this.of(backend)]));
  }

  #leastUsed(): number {
    const uses = Array.from({ length: BACKEND_COLORS }, () => 0);
    for (const backend of new Set(this.#mapped())) {
      const color = this.#colors.get(backend);
      if (color !== undefined) uses[color] = (uses[color] ?? 0) + 1;
    }
    return uses.indexOf(Math.min(...uses));
  }
}
