/** Carries out the commands that pause, replace, end and set. */
import { setTimeout as delay } from 'node:timers/promises';
import { CallError } from '../contract/index.ts';
import { clientNamed, endpointNamed, valueOf, withinMsOf, type Parameters } from './arguments.ts';
import type { Command } from './command.ts';
import { changed } from './configuration.ts';
import { ConsoleError } from './console-error.ts';
import type { ConsoleHost } from './host.ts';

/** What changes something and answers no rows. */
export type Operation = Extract<Command, { kind: 'pool' | 'client' | 'set' | 'reload' | 'suspend' | 'shutdown' }>;

/** How often WAIT_CLOSE looks, milliseconds. */
const LOOK_MS = 50;

/** Does it; rejects with `ConsoleError` or `CallError`. What still waits when `signal` fires is taken back where that is possible. */
export async function operate(operation: Operation, parameters: Parameters, host: ConsoleHost, signal: AbortSignal): Promise<void> {
  switch (operation.kind) {
    case 'pool':
      return await onPools(operation, parameters, host, signal);
    case 'client':
      return await onClient(operation, parameters, host);
    case 'set': {
      const { text } = valueOf(operation.value, parameters);
      await host.calls['settings.save'](changed(host.settings(), operation.key, text));
      return;
    }
    case 'reload':
      return await host.reload();
    case 'suspend':
      throw new ConsoleError('0A000', 'SUSPEND is not supported', {
        detail: 'PgBouncer needs it to hand its sockets over to a successor on the same machine; Switchyard does no such thing.',
        hint: 'PAUSE holds clients back while a server is restarted.',
      });
    case 'shutdown':
      host.shutdown(operation.wait);
  }
}

async function onPools(
  { what, endpoint, within }: Extract<Operation, { kind: 'pool' }>,
  parameters: Parameters,
  host: ConsoleHost,
  signal: AbortSignal,
): Promise<void> {
  const ids = endpoint === null ? host.endpoints().map(({ id }) => id) : [endpointNamed(endpoint, parameters, host)];
  const { calls } = host;
  switch (what) {
    case 'PAUSE':
      return await pause(ids, withinMsOf(within, parameters), host, signal);
    case 'RESUME':
      return await each(ids, (id) => calls['pool.resume']({ endpoint: id }));
    case 'RECONNECT':
      return await each(ids, (id) => calls['pool.reconnect']({ endpoint: id }));
    case 'KILL':
      return await each(ids, (id) => calls['pool.kill']({ endpoint: id }));
    case 'DISABLE':
    case 'ENABLE':
      for (const id of ids) host.setDisabled(id, what === 'DISABLE');
      if (what === 'ENABLE' && endpoint === null) await calls['clients.admit']({ admit: true });
      return;
    case 'WAIT_CLOSE': {
      const backends = new Set(host.endpoints().flatMap(({ id, backend }) => (ids.includes(id) ? [backend] : [])));
      while (host.servers().some((server) => server.closeNeeded && backends.has(server.backend)))
        await delay(LOOK_MS, undefined, { signal });
    }
  }
}

/** All at once, so that the time runs for all; if one cannot be paused, or nobody waits for it any longer, none stays paused by us. */
async function pause(ids: readonly string[], withinMs: number, host: ConsoleHost, signal: AbortSignal): Promise<void> {
  const before = new Set(host.endpoints().flatMap(({ id, paused }) => (paused ? [id] : [])));
  const takeBack = async (): Promise<void> => {
    await each(
      ids.filter((id) => !before.has(id)),
      (id) => host.calls['pool.resume']({ endpoint: id }),
    );
  };
  const onAbort = (): void => void takeBack().catch(() => undefined);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    await each(ids, (id) => host.calls['pool.pause']({ endpoint: id, withinMs }));
  } catch (error) {
    await takeBack();
    throw error;
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

/** For every one of them, even if another fails; the first failure is the command's. */
async function each(ids: readonly string[], action: (id: string) => unknown): Promise<void> {
  const outcomes = await Promise.allSettled(ids.map(async (id) => await action(id)));
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
}

async function onClient({ what, id }: Extract<Operation, { kind: 'client' }>, parameters: Parameters, host: ConsoleHost): Promise<void> {
  const sessionId = clientNamed(id, parameters, host);
  switch (what) {
    case 'KILL_CLIENT':
      await host.calls['session.close']({ sessionId });
      return;
    case 'CANCEL_CLIENT':
      await host.calls['session.cancel']({ sessionId });
      return;
    case 'ROLLBACK_CLIENT':
      await host.calls['session.rollback']({ sessionId });
  }
}

/** What a handler refuses, as the console says it. */
export function asConsoleError(error: unknown): unknown {
  if (!(error instanceof CallError)) return error;
  const sqlState = error.code.startsWith('unknown_') ? '42704' : error.code === 'unavailable' ? '0A000' : '55000';
  return new ConsoleError(sqlState, error.message, { hint: error.hint ?? undefined });
}
