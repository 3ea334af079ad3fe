/** Where new clients of a backend that is being drained are taken instead. In memory only: a restart of the proxy ends every drain. */
import { CallError } from '../contract/index.ts';
import { backendId, type EndpointMap, type EndpointSpec } from './map.ts';

/** See the head of this file. */
export class Redirects {
  readonly #map: EndpointMap;
  /** Backend to the id of the endpoint that takes its clients. */
  readonly #to = new Map<string, string>();
  readonly #onChange: () => void;

  constructor(map: EndpointMap, onChange: () => void = () => {}) {
    this.#map = map;
    this.#onChange = onChange;
  }

  /** The endpoint that takes the clients of a backend; null: it is not drained. */
  of(backend: string): string | null {
    return this.#to.get(backend) ?? null;
  }

  /**
   * Takes the new clients of `backend` to endpoint `to`. Throws `CallError`: `unknown_endpoint`, `same_backend`, `draining` when the
   * target is drained itself.
   */
  set(backend: string, to: string): void {
    const target = backendId(this.#map.require(to));
    if (target === backend) throw new CallError('same_backend', `Endpoint ${to} points at ${backend} itself.`);
    if (this.#to.has(target)) throw new CallError('draining', `${target}, where ${to} points, is being drained itself.`);
    this.#to.set(backend, to);
    this.#onChange();
  }

  /** Lets new clients come again. False: it was not drained. */
  delete(backend: string): boolean {
    const was = this.#to.delete(backend);
    if (was) this.#onChange();
    return was;
  }

  /** Where a client of this endpoint goes: the endpoint itself, unless its backend is drained. An edited map may lead in a circle: then it stays. */
  resolve(spec: EndpointSpec): EndpointSpec {
    const seen = new Set<string>();
    let at = spec;
    for (;;) {
      const backend = backendId(at);
      const next = this.#map.get(this.#to.get(backend) ?? '');
      if (next === undefined) return at;
      if (seen.has(backend)) return spec;
      seen.add(backend);
      at = next;
    }
  }
}
