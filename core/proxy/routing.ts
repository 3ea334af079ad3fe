/** Finds out from a startup packet which endpoint and database a client wants (pooling.md 1.3). */
import type { SessionRow } from '../contract/index.ts';
import type { EndpointMap, EndpointSpec } from '../endpoints/map.ts';
import { ClientRefusal } from './incoming.ts';

/** Where a client goes. `startup` is what the backend gets: everything but user, database and the words used for routing. */
export interface Route {
  readonly spec: EndpointSpec;
  readonly database: string;
  readonly requestedEndpoint: string | null;
  readonly routedBy: SessionRow['routedBy'];
  readonly startup: ReadonlyMap<string, string>;
}

/** Decides the route; throws `ClientRefusal`. `unknownEndpoint`: what becomes of a client that names an id not in the map. */
export function route(parameters: ReadonlyMap<string, string>, map: EndpointMap, unknownEndpoint: 'default' | 'refuse'): Route {
  const startup = new Map(parameters);
  startup.delete('user');
  startup.delete('database');
  for (const name of parameters.keys()) if (name.startsWith('_pq_.')) startup.delete(name);
  const options = endpointInOptions(parameters.get('options') ?? '');
  if (options.rest === '') startup.delete('options');
  else startup.set('options', options.rest);

  const asked = parameters.get('database') ?? '';
  const prefixed = /^([A-Za-z0-9][A-Za-z0-9_-]{0,62})\/(.*)$/s.exec(asked);
  // A slash is legal in a database's name: next to an endpoint in the options, only a known id in front of it is one.
  const prefix = prefixed !== null && (options.id === null || map.has(prefixed[1] ?? '')) ? (prefixed[1] ?? null) : null;
  if (options.id !== null && prefix !== null && prefix !== options.id) {
    throw new ClientRefusal(
      '08004',
      `the options name endpoint "${options.id}", the database name endpoint "${prefix}"`,
      'Name the endpoint in one of the two places.',
    );
  }
  const database = prefix === null ? asked : (prefixed?.[2] ?? '');
  const id = options.id ?? prefix;
  if (id === null) return { ...target(defaultSpec(map), database), requestedEndpoint: null, routedBy: 'default', startup };
  const spec = map.get(id);
  if (spec !== undefined) {
    return { ...target(spec, database), requestedEndpoint: id, routedBy: options.id === null ? 'database' : 'options', startup };
  }
  if (unknownEndpoint === 'refuse') {
    throw new ClientRefusal(
      '3D000',
      `endpoint "${id}" does not exist`,
      `Known endpoints: ${
        map
          .list()
          .map((known) => known.id)
          .join(', ') || 'none yet'
      }.`,
    );
  }
  return { ...target(defaultSpec(map), database), requestedEndpoint: id, routedBy: 'fallback', startup };
}

function target(spec: EndpointSpec, database: string): { spec: EndpointSpec; database: string } {
  return { spec, database: database === '' ? spec.database : database };
}

function defaultSpec(map: EndpointMap): EndpointSpec {
  const spec = map.defaultId === null ? undefined : map.get(map.defaultId);
  if (spec === undefined) {
    throw new ClientRefusal(
      '3D000',
      'there is no endpoint to connect to',
      'Start the demo or add an endpoint in the window, or start with --endpoint-map ep-a=postgresql://….',
    );
  }
  return spec;
}

/**
 * Takes the endpoint words out of an `options` string: `endpoint=<id>`, `-c endpoint=<id>`, `-cendpoint=<id>`,
 * `--endpoint=<id>`. Words are separated by blanks, a backslash keeps the next character; the rest comes back as it was.
 */
export function endpointInOptions(options: string): { id: string | null; rest: string } {
  const words = options.match(/(?:\\.|[^ \t\n\v\f\r\\])+/gs) ?? [];
  const rest: string[] = [];
  let id: string | null = null;
  for (let i = 0; i < words.length; i++) {
    const word = words[i] ?? '';
    const next = word === '-c' ? words[i + 1] : undefined;
    const match = /^(?:-c|--)?endpoint=(.*)$/s.exec(next ?? word);
    if (match === null || (next !== undefined && next.startsWith('-'))) {
      rest.push(word);
      continue;
    }
    if (next !== undefined) i++;
    const found = (match[1] ?? '').replace(/\\(.)/gs, '$1');
    if (id !== null && id !== found) {
      throw new ClientRefusal('08004', `the options name two endpoints, "${id}" and "${found}"`, 'Name one.');
    }
    id = found;
  }
  return { id, rest: id === null ? options.trim() : rest.join(' ') };
}
