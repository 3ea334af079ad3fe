/** Finds out from what a client says which endpoint and database it wants (pooling.md 1.3, cockroach-migration.md 7). */
import { withoutReserved } from '../backend/reserved-parameters.ts';
import type { SessionRow } from '../contract/index.ts';
import { databaseAt } from '../backend/login.ts';
import type { EndpointMap, EndpointSpec } from '../endpoints/map.ts';
import type { Redirects } from '../endpoints/redirects.ts';
import { ClientRefusal, type Incoming } from './incoming.ts';
import { endpointInOptions } from './routing-options.ts';

/** Where a client goes. `startup` is what the backend gets: everything but user, database and the words used for routing. */
export interface Route {
  readonly spec: EndpointSpec;
  readonly database: string;
  readonly requestedEndpoint: string | null;
  readonly routedBy: SessionRow['routedBy'];
  readonly startup: ReadonlyMap<string, string>;
}

/** One way in which a client named an endpoint. */
interface Naming {
  readonly by: 'options' | 'database' | 'sni' | 'listener';
  readonly id: string;
  /** The place and what stands there, for messages. */
  readonly says: string;
}

/** Decides the route; throws `ClientRefusal`. `unknownEndpoint`: what becomes of a client that names an id not in the map. */
export function route(
  client: Pick<Incoming, 'parameters' | 'serverName' | 'listenerEndpoint'>,
  map: EndpointMap,
  unknownEndpoint: 'default' | 'refuse',
): Route {
  const { parameters } = client;
  const options = endpointInOptions(parameters.get('options') ?? '');
  const startup = forwarded(parameters, options.rest);
  const asked = parameters.get('database') ?? '';
  // Most clients name none at all.
  if (options.id === null && client.serverName === null && client.listenerEndpoint === null && !asked.includes('/')) {
    return { ...target(defaultSpec(map), asked), requestedEndpoint: null, routedBy: 'default', startup };
  }
  const elsewhere = [inOptions(options.id), inServerName(client.serverName, map), atListener(client.listenerEndpoint)].filter(
    (naming) => naming !== null,
  );
  const prefixed = inDatabase(asked, elsewhere.length > 0, map);
  const [first, ...others] = [...elsewhere, ...(prefixed === null ? [] : [prefixed.naming])].toSorted(byWeight);
  const database = prefixed?.database ?? asked;
  if (first === undefined) return { ...target(defaultSpec(map), database), requestedEndpoint: null, routedBy: 'default', startup };
  const other = others.find((naming) => naming.id !== first.id);
  if (other !== undefined) {
    throw new ClientRefusal('08004', `${first.says}, ${other.says}`, 'Name the endpoint in one place, or the same one in both.');
  }
  const spec = map.get(first.id);
  if (spec !== undefined) return { ...target(spec, database), requestedEndpoint: first.id, routedBy: first.by, startup };
  if (unknownEndpoint === 'refuse') throw unknown(first.id, map);
  return { ...target(defaultSpec(map), database), requestedEndpoint: first.id, routedBy: 'fallback', startup };
}

/** The route of a client whose backend is drained leads elsewhere; its database translates as that of a session that moves. */
export function redirected(routed: Route, redirects: Redirects): Route {
  const spec = redirects.resolve(routed.spec);
  if (spec === routed.spec) return routed;
  return { ...routed, spec, database: databaseAt(spec, routed.spec.database, routed.database) };
}

/** Of several places that agree, the one that is said to have decided: what the client itself wrote comes first. */
function byWeight(a: Naming, b: Naming): number {
  const order = ['options', 'database', 'sni', 'listener'];
  return order.indexOf(a.by) - order.indexOf(b.by);
}

function forwarded(parameters: ReadonlyMap<string, string>, options: string): ReadonlyMap<string, string> {
  const startup = new Map(withoutReserved(parameters));
  startup.delete('user');
  startup.delete('database');
  for (const name of parameters.keys()) if (name.startsWith('_pq_.')) startup.delete(name);
  if (options === '') startup.delete('options');
  else startup.set('options', options);
  return startup;
}

function inOptions(id: string | null): Naming | null {
  return id === null ? null : { by: 'options', id, says: `the options name endpoint "${id}"` };
}

function atListener(id: string | null): Naming | null {
  return id === null ? null : { by: 'listener', id, says: `this port belongs to endpoint "${id}"` };
}

/**
 * The first label of a TLS server name. Most clients send the name of the host they connect to, whatever that is, so it counts
 * only when it is an endpoint's, or when the rest is `localhost`: nobody but us answers there.
 */
function inServerName(name: string | null, map: EndpointMap): Naming | null {
  const [, label = '', rest = ''] = /^([A-Za-z0-9][A-Za-z0-9_-]{0,62})\.(.+?)\.?$/.exec(name ?? '') ?? [];
  if (label === '') return null;
  // Host names know no case, ids do.
  const known = map.list().find((spec) => spec.id.toLowerCase() === label.toLowerCase())?.id;
  if (known === undefined && rest.toLowerCase() !== 'localhost') return null;
  const id = known ?? label;
  return { by: 'sni', id, says: `the TLS server name "${name}" names endpoint "${id}"` };
}

/**
 * `endpoint/database`. A slash is legal in a database's name: next to an endpoint named elsewhere, only a known id in front of it
 * is one.
 */
function inDatabase(asked: string, namedElsewhere: boolean, map: EndpointMap): { naming: Naming; database: string } | null {
  const [, id, database = ''] = /^([A-Za-z0-9][A-Za-z0-9_-]{0,62})\/(.*)$/s.exec(asked) ?? [];
  if (id === undefined || (namedElsewhere && !map.has(id))) return null;
  return { naming: { by: 'database', id, says: `the database name ("${asked}") names endpoint "${id}"` }, database };
}

function target(spec: EndpointSpec, database: string): { spec: EndpointSpec; database: string } {
  return { spec, database: database === '' ? spec.database : database };
}

function unknown(id: string, map: EndpointMap): ClientRefusal {
  const known = map.list().map((spec) => spec.id);
  return new ClientRefusal('3D000', `endpoint "${id}" does not exist`, `Known endpoints: ${known.join(', ') || 'none yet'}.`);
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
