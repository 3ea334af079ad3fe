import { hashOf, parseHash } from '../../app/routes.ts';
import { copyEndpoint, copyServer } from '../../features/copy-as/copy.ts';
import type { TargetFormat } from '../../features/copy-as/lines.ts';
import { command } from '../../features/pooling/controls.ts';
import type { Ended } from '../../features/pooling/controls.ts';
import { plural } from '../../lib/format.ts';
import { ask } from '../../store/asked.ts';
import { useServer } from '../../store/server.ts';
import { say } from '../../store/toasts.ts';
import { openMigrate, openRemap } from '../../store/view.ts';
import { onEndpoint, onServer, onWindow } from '../binding.ts';
import type { Bindings } from '../binding.ts';

/** Says how it went; the pools view says it, too. Null: something else has been done to the endpoint meanwhile. */
async function tell(work: Promise<Ended>, done: string): Promise<void> {
  const ended = await work;
  if (ended === 'done') say(done);
  else if (ended !== null) say(ended.message, { tone: 'bad', hint: ended.hint });
}

function copyEndpointAs(format: TargetFormat): ReturnType<typeof onEndpoint> {
  return onEndpoint(({ call }, row) => copyEndpoint(call, format, row));
}

function copyServerAs(format: TargetFormat): ReturnType<typeof onServer> {
  return onServer((_means, { endpoints: [first] }) => copyServer(format, first));
}

/** The form, over the map where its change waits to be applied. */
function edit(id: string | null): void {
  if (parseHash(window.location.hash).route !== 'endpoints') window.location.hash = hashOf('endpoints');
  ask({ kind: 'endpoint', id });
}

function sessionsOf(endpoint: string): number[] {
  return [...useServer.getState().sessions.values()].filter((row) => row.endpoint === endpoint).map((row) => row.id);
}

/** Commands about endpoints and their pools. */
export const endpointBindings: Bindings<'endpoint'> & Pick<Bindings<'window'>, 'endpoint.add'> = {
  'endpoint.add': onWindow(() => edit(null)),
  'endpoint.check': onEndpoint(async ({ call }, { id, backend }) => {
    await call('endpoints.check', { id });
    const row = useServer.getState().endpoints.find((each) => each.id === id);
    if (row?.status === 'down') say(`${backend} does not answer for ${id}.`, { tone: 'bad', hint: row.statusReason });
    else say(`Asked ${backend} for ${id}.`);
  }),
  'endpoint.edit': onEndpoint((_means, { id }) => edit(id)),
  'endpoint.remap': onEndpoint(
    (_means, { id }) => openRemap(id),
    (row) => useServer.getState().endpoints.some((other) => other.backend !== row.backend),
  ),
  'endpoint.moveAll': onEndpoint(
    (_means, { id }) => openMigrate(sessionsOf(id)),
    (row) => row.sessions > 0,
  ),
  'copy.endpoint.psql': copyEndpointAs('psql'),
  'copy.endpoint.url': copyEndpointAs('url'),
  'copy.endpoint.environment': copyEndpointAs('environment'),
  'copy.endpoint.pgpass': copyEndpointAs('pgpass'),
  'pool.pause': onEndpoint(
    ({ call }, { id }) => tell(command(call, 'pause', id), `Paused ${id}.`),
    (row) => !row.paused,
  ),
  'pool.resume': onEndpoint(
    ({ call }, { id }) => tell(command(call, 'resume', id), `Resumed ${id}.`),
    (row) => row.paused,
  ),
  'pool.reconnect': onEndpoint(({ call }, { id }) => tell(command(call, 'reconnect', id), `${id} gets new server connections.`)),
  'pool.kill': onEndpoint(({ call }, { id, sessions }) =>
    ask({
      kind: 'confirm',
      title: `Kill the pools of ${id}?`,
      consequence: `${plural(sessions, 'session')} of ${id} ${sessions === 1 ? 'is' : 'are'} ended (57P01), and its server connections closed. It stays paused until it is resumed.`,
      action: `Kill pools of ${id}`,
      run: () => void tell(command(call, 'kill', id), `Killed the pools of ${id}; it is paused.`),
    }),
  ),
};

/** Commands about servers. */
export const serverBindings: Bindings<'backend'> = {
  'server.drain': onServer(
    (_means, { backend }) => ask({ kind: 'drain', backend }),
    ({ endpoints }) => endpoints.every((row) => row.redirectedTo === null),
  ),
  'server.undrain': onServer(
    async ({ call }, { backend }) => {
      await call('backend.undrain', { backend });
      say(`New clients come to ${backend} again.`);
    },
    ({ endpoints }) => endpoints.some((row) => row.redirectedTo !== null),
  ),
  'server.restart': onServer((_means, { backend }) => ask({ kind: 'restart', backend })),
  'copy.server.psql': copyServerAs('psql'),
  'copy.server.url': copyServerAs('url'),
  'copy.server.environment': copyServerAs('environment'),
  'copy.server.pgpass': copyServerAs('pgpass'),
};
