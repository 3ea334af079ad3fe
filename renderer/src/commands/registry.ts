import { commandOf, commands } from '../../../core/contract/index.ts';
import type { CommandId, EndpointRow } from '../../../core/contract/index.ts';
import { parseHash } from '../app/routes.ts';
import { failureOf } from '../lib/use-action.ts';
import { usePalette } from '../store/palette.ts';
import { usePreferences } from '../store/preferences.ts';
import { useServer } from '../store/server.ts';
import { say } from '../store/toasts.ts';
import { useView } from '../store/view.ts';
import type { Binding, Bindings, Means } from './binding.ts';
import { demoBindings } from './bindings/demo.ts';
import { endpointBindings, serverBindings } from './bindings/endpoints.ts';
import { sessionBindings } from './bindings/sessions.ts';
import { windowBindings } from './bindings/window.ts';
import { endpointMeant, nowhere, serverMeant, serversOf, sessionMeant, sessionsMeant } from './situation.ts';
import type { Pointed, Server, Situation } from './situation.ts';

type Everything = Bindings<'window'> & Bindings<'session'> & Bindings<'sessions'> & Bindings<'endpoint'> & Bindings<'backend'>;

const bound: Everything = {
  ...windowBindings,
  ...demoBindings,
  ...sessionBindings,
  ...endpointBindings,
  ...serverBindings,
};

/** What every command does, and when it can. */
export const bindings: Record<CommandId, Binding> = bound;

/** What there is to decide from at this moment. */
export function situationNow(pointed: Pointed = nowhere): Situation {
  return {
    server: useServer.getState(),
    view: useView.getState(),
    preferences: usePreferences.getState(),
    route: parseHash(window.location.hash).route,
    pointed,
  };
}

/** The endpoints that a command could be about; empty for other commands. */
export function endpointsFor(id: CommandId, { server }: Situation): readonly EndpointRow[] {
  const binding = bindings[id];
  return binding.on === 'endpoint' ? server.endpoints.filter(binding.fits) : [];
}

/** The servers that a command could be about; empty for other commands. */
export function serversFor(id: CommandId, situation: Situation): readonly Server[] {
  const binding = bindings[id];
  return binding.on === 'backend' ? serversOf(situation.server.endpoints).filter((server) => binding.fits(server, situation)) : [];
}

/** Whether a command can be given. */
export function isEnabled(id: CommandId, situation: Situation): boolean {
  const binding = bindings[id];
  switch (binding.on) {
    case 'window':
      return binding.isEnabled(situation);
    case 'session': {
      const row = sessionMeant(situation);
      return row !== null && binding.fits(row);
    }
    case 'sessions':
      return sessionsMeant(situation).length > 0;
    case 'endpoint': {
      const row = endpointMeant(situation);
      return row ? binding.fits(row) : endpointsFor(id, situation).length > 0;
    }
    case 'backend': {
      const server = serverMeant(situation);
      return server ? binding.fits(server, situation) : serversFor(id, situation).length > 0;
    }
  }
}

/** The commands that can be given. */
export function enabledIds(situation: Situation): CommandId[] {
  return commands.map(({ id }) => id).filter((id) => isEnabled(id, situation));
}

/**
 * Gives a command: about what is pointed at, or, where nothing fitting is, the palette asks what it is about. One that cannot be given does
 * nothing. What goes wrong is said.
 */
export function runCommand(means: Means, id: CommandId, pointed: Pointed = nowhere): void {
  const situation = situationNow(pointed);
  if (!isEnabled(id, situation)) return;
  const work = start(means, id, situation);
  if (work instanceof Promise) {
    work.catch((error: unknown) => {
      const { message, hint } = failureOf(error);
      say(`${commandOf(id).label.replace('…', '')}: ${message}`, { tone: 'bad', hint });
    });
  }
}

function start(means: Means, id: CommandId, situation: Situation): void | Promise<void> {
  const binding = bindings[id];
  switch (binding.on) {
    case 'window':
      return binding.run(means, situation);
    case 'session': {
      const row = sessionMeant(situation);
      return row ? binding.run(means, row) : undefined;
    }
    case 'sessions':
      return binding.run(means, sessionsMeant(situation));
    case 'endpoint': {
      const row = endpointMeant(situation);
      return row ? binding.run(means, row) : usePalette.setState({ open: { pointed: situation.pointed, pick: id } });
    }
    case 'backend': {
      const server = serverMeant(situation);
      return server ? binding.run(means, server) : usePalette.setState({ open: { pointed: situation.pointed, pick: id } });
    }
  }
}
