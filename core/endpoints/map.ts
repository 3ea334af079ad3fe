/** The endpoint map: logical names that clients ask for, and the backend each points at. Editable while running. */
import { CallError, endpointId } from '../contract/index.ts';
import { parseBackendUrl, type BackendSpec } from './backend-url.ts';

export { backendId, dialAddress, formatBackendUrl, parseBackendUrl, type BackendSpec } from './backend-url.ts';

/** One line of the map. */
export interface EndpointSpec extends BackendSpec {
  readonly id: string;
}

/** What changed. `set` covers adding and changing; a removed or renamed default is followed by a `default` of its own. */
export type EndpointChange =
  | { readonly kind: 'set'; readonly id: string; readonly before: EndpointSpec | null; readonly after: EndpointSpec }
  | { readonly kind: 'delete'; readonly id: string; readonly before: EndpointSpec }
  | { readonly kind: 'rename'; readonly id: string; readonly from: string }
  | { readonly kind: 'default'; readonly id: string | null };

/**
 * Reads `ep-a=postgresql://…,ep-b=postgresql://…` (second seed, `--compute-endpoint-map`). A comma inside a URL is written
 * `%2C`. Throws `CallError` (`invalid_map`, or the code of the URL's own error) with the entry named, never its password.
 */
export function parseEndpointMap(text: string): EndpointSpec[] {
  const specs: EndpointSpec[] = [];
  const entries = text.split(',').map((entry) => entry.trim());
  if (entries.at(-1) === '') entries.pop();
  for (const [index, entry] of entries.entries()) {
    const equals = entry.indexOf('=');
    const id = equals < 0 ? '' : entry.slice(0, equals).trim();
    const place = `Entry ${index + 1}${id === '' || id.includes('://') ? '' : ` ("${id}")`} of the endpoint map`;
    if (id === '' || id.includes('://')) {
      throw new CallError('invalid_map', `${place} has no name.`, 'Write name=postgresql://…; a comma inside a URL is %2C.');
    }
    checkId(id, place);
    if (specs.some((spec) => spec.id === id)) throw new CallError('invalid_map', `${place} is there twice.`);
    specs.push({ id, ...readUrl(entry.slice(equals + 1), place) });
  }
  return specs;
}

function readUrl(url: string, place: string): BackendSpec {
  try {
    return parseBackendUrl(url);
  } catch (error) {
    if (error instanceof CallError) throw new CallError(error.code, `${place}: ${error.message}`, error.hint);
    throw error;
  }
}

function checkId(id: string, place: string): void {
  const checked = endpointId.safeParse(id);
  if (checked.success) return;
  throw new CallError('invalid_endpoint_id', `${place}: ${checked.error.issues[0]?.message ?? 'not a valid name'}.`);
}

/**
 * The map itself, in the order its lines were added. The default is the one chosen, else the first line; an empty map has none.
 * Listeners are called synchronously after each change and must not throw.
 */
export class EndpointMap {
  #specs = new Map<string, EndpointSpec>();
  #chosenDefault: string | null = null;
  readonly #listeners = new Set<(change: EndpointChange) => void>();

  constructor(specs: Iterable<EndpointSpec> = [], defaultId: string | null = null) {
    for (const spec of specs) this.set(spec);
    if (defaultId !== null) this.setDefault(defaultId);
  }

  /** The same map without the listeners: to try changes on. */
  copy(): EndpointMap {
    return new EndpointMap(this.#specs.values(), this.#chosenDefault);
  }

  get size(): number {
    return this.#specs.size;
  }

  has(id: string): boolean {
    return this.#specs.has(id);
  }

  get(id: string): EndpointSpec | undefined {
    return this.#specs.get(id);
  }

  /** Like `get`; throws `unknown_endpoint` naming the id and those there are. */
  require(id: string): EndpointSpec {
    const spec = this.#specs.get(id);
    if (spec !== undefined) return spec;
    const known = [...this.#specs.keys()];
    throw new CallError(
      'unknown_endpoint',
      `There is no endpoint "${id}".`,
      known.length === 0 ? 'The endpoint map is empty.' : `Known endpoints: ${known.slice(0, 20).join(', ')}.`,
    );
  }

  list(): EndpointSpec[] {
    return [...this.#specs.values()];
  }

  /** Id of the default endpoint; null only while the map is empty. */
  get defaultId(): string | null {
    return this.#chosenDefault ?? this.#specs.keys().next().value ?? null;
  }

  setDefault(id: string): void {
    this.require(id);
    const before = this.defaultId;
    this.#chosenDefault = id;
    if (before !== id) this.#emit({ kind: 'default', id });
  }

  /** Adds or changes a line. Throws `invalid_endpoint_id`. */
  set(spec: EndpointSpec): void {
    checkId(spec.id, `Endpoint "${spec.id}"`);
    const defaultBefore = this.defaultId;
    const before = this.#specs.get(spec.id) ?? null;
    this.#specs.set(spec.id, spec);
    this.#emit({ kind: 'set', id: spec.id, before, after: spec });
    this.#emitDefault(defaultBefore);
  }

  /** Removes a line; a default that is removed falls to the first line. Throws `unknown_endpoint`. */
  delete(id: string): void {
    const before = this.require(id);
    const defaultBefore = this.defaultId;
    this.#specs.delete(id);
    if (this.#chosenDefault === id) this.#chosenDefault = null;
    this.#emit({ kind: 'delete', id, before });
    this.#emitDefault(defaultBefore);
  }

  /** Gives a line another id in its place; stays default if it was. Throws `unknown_endpoint`, `endpoint_exists`. */
  rename(from: string, to: string): void {
    const spec = this.require(from);
    if (from === to) return;
    checkId(to, `Endpoint "${to}"`);
    if (this.#specs.has(to)) throw new CallError('endpoint_exists', `There is already an endpoint "${to}".`);
    const defaultBefore = this.defaultId;
    this.#specs = new Map([...this.#specs.values()].map((each) => (each === spec ? [to, { ...spec, id: to }] : [each.id, each])));
    if (this.#chosenDefault === from) this.#chosenDefault = to;
    this.#emit({ kind: 'rename', id: to, from });
    this.#emitDefault(defaultBefore);
  }

  /** Calls `listener` after each change; returns the function that stops it. */
  onChange(listener: (change: EndpointChange) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #emit(change: EndpointChange): void {
    for (const listener of this.#listeners) listener(change);
  }

  #emitDefault(before: string | null): void {
    if (this.defaultId !== before) this.#emit({ kind: 'default', id: this.defaultId });
  }
}
