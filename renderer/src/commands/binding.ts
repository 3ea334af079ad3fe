import type { CommandOn, EndpointRow, SessionRow } from '../../../core/contract/index.ts';
import type { HostCall } from '../bridge/client.ts';
import type { Server, Situation } from './situation.ts';

/** What a command works with. */
export interface Means {
  call: HostCall;
}

type Work = void | Promise<void>;

/** What a command does, and when it can: of a row, whether it fits; a rejection is told to the user. */
export type Binding =
  | { on: 'window'; isEnabled: (situation: Situation) => boolean; run: (means: Means, situation: Situation) => Work }
  | { on: 'session'; fits: (row: SessionRow) => boolean; run: (means: Means, row: SessionRow) => Work }
  | { on: 'sessions'; run: (means: Means, rows: readonly SessionRow[]) => Work }
  | { on: 'endpoint'; fits: (row: EndpointRow) => boolean; run: (means: Means, row: EndpointRow) => Work }
  | { on: 'backend'; fits: (server: Server, situation: Situation) => boolean; run: (means: Means, server: Server) => Work };

type BindingOn<S extends Binding['on']> = Extract<Binding, { on: S }>;

/** A binding for every command about something: a missing one, or one too many, is a compile error. */
export type Bindings<S extends Binding['on']> = { [Id in CommandOn<S>]: BindingOn<S> };

const always = (): boolean => true;

/** A command about nothing in particular. */
export function onWindow(run: BindingOn<'window'>['run'], isEnabled: BindingOn<'window'>['isEnabled'] = always): BindingOn<'window'> {
  return { on: 'window', run, isEnabled };
}

/** A command about one session. */
export function onSession(run: BindingOn<'session'>['run'], fits: BindingOn<'session'>['fits'] = always): BindingOn<'session'> {
  return { on: 'session', run, fits };
}

/** A command about sessions, one or more of them. */
export function onSessions(run: BindingOn<'sessions'>['run']): BindingOn<'sessions'> {
  return { on: 'sessions', run };
}

/** A command about an endpoint. */
export function onEndpoint(run: BindingOn<'endpoint'>['run'], fits: BindingOn<'endpoint'>['fits'] = always): BindingOn<'endpoint'> {
  return { on: 'endpoint', run, fits };
}

/** A command about a server. */
export function onServer(run: BindingOn<'backend'>['run'], fits: BindingOn<'backend'>['fits'] = always): BindingOn<'backend'> {
  return { on: 'backend', run, fits };
}
