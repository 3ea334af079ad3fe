/** The scripted host's endpoint map: edits take hold at once, drafts and found servers are always the same. */
import { CallError, type ChangeEffect, type EndpointDraft, type Handlers } from '../../../core/contract/index.ts';
import type { World } from './standin-world.ts';

type EndpointHandlers = Pick<
  Handlers,
  'endpoints.save' | 'endpoints.remove' | 'endpoints.apply' | 'endpoints.import' | 'endpoints.discover'
>;

/** The calls that edit the map, in terms of the scripted world. */
export function endpointHandlers(world: World): EndpointHandlers {
  const save: EndpointHandlers['endpoints.save'] = ({ id, url, replaces, makeDefault }) => {
    const { hostname, port } = new URL(url);
    const before = world.endpoints.find((each) => each.id === (replaces ?? id));
    const row = { ...world.endpoint(id, Number(port || 5432), makeDefault ?? before?.isDefault ?? false), host: hostname, url };
    const others = world.endpoints.map((each) => (makeDefault ? { ...each, isDefault: false } : each));
    world.putEndpoints(before ? others.map((each) => (each.id === before.id ? row : each)) : [...others, row]);
    const stranded = [...world.sessions.values()].filter((each) => each.endpoint === id && each.backend !== row.backend);
    return { id, backend: row.backend, stranded: stranded.map((each) => each.id) };
  };
  const remove: EndpointHandlers['endpoints.remove'] = ({ id }) => {
    if ([...world.sessions.values()].some((row) => row.endpoint === id)) {
      throw new CallError('in_use', `Sessions still belong to ${id}.`, 'Move or close them first.');
    }
    world.putEndpoints(world.endpoints.filter((each) => each.id !== id));
    return {};
  };
  const effectOf = (change: Parameters<EndpointHandlers['endpoints.apply']>[0]['changes'][number]): ChangeEffect => {
    const sessions = [...world.sessions.values()].filter((row) => row.endpoint === change.id);
    const nothing = { endpoint: change.id, backend: null, does: [], stranded: [], problem: null, blockers: [] };
    if (change.kind === 'remove') {
      if (sessions.length === 0) return { ...nothing, does: [`${change.id} is removed.`] };
      const problem = { code: 'in_use', message: `Sessions still belong to ${change.id}.`, hint: 'Move or close them first.' };
      return { ...nothing, problem, blockers: sessions.map((row) => row.id) };
    }
    const backend = `127.0.0.1:${new URL(change.url).port || '5432'}`;
    const stranded = sessions.filter((row) => row.backend !== backend).map((row) => row.id);
    return { ...nothing, backend, stranded, does: [`${change.id} leads to ${backend}.`] };
  };
  return {
    'endpoints.save': save,
    'endpoints.remove': remove,
    'endpoints.apply': async ({ changes, dryRun }) => {
      const effects = changes.map(effectOf);
      if (dryRun || effects.some(({ problem }) => problem !== null)) return { applied: false, effects };
      for (const change of changes) await (change.kind === 'remove' ? remove({ id: change.id }) : save(change));
      return { applied: true, effects };
    },
    'endpoints.import': () => ({
      drafts: [draft('orders'), draft('a-name-so-long-that-it-does-not-fit-into-the-column-of-a-dialog')],
      problems: [{ line: 3, message: 'It stands for every host, so it is no endpoint.', hint: null }],
    }),
    'endpoints.discover': () => ({
      found: [
        {
          host: '127.0.0.1',
          port: 5432,
          via: 'port',
          answers: true,
          message: 'PostgreSQL 18.4 lets role postgres in.',
          hint: null,
          version: 'PostgreSQL 18.4',
          draft: draft('local-5432'),
        },
        {
          host: '/var/run/postgresql',
          port: 5433,
          via: 'socket',
          answers: false,
          message: 'The server asks for a password for role "postgres".',
          hint: 'Give its password.',
          version: null,
          draft: draft('local-5433'),
        },
      ],
    }),
  };
}

function draft(id: string): EndpointDraft {
  return { id, url: 'postgresql://postgres@127.0.0.1:5432/orders', passwordFrom: null, mapped: null, notes: [] };
}
