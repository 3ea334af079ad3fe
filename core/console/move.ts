/** Carries out the commands that move sessions: returns when all are settled, with a line for each. */
import { carryOptions, transferMode, type CarryOptions, type TransferMode, type TransferRow } from '../contract/index.ts';
import { backendNamed, clientNamed, endpointNamed, numberOf, secondsOf, valueOf, withinMsOf, type Parameters } from './arguments.ts';
import { ConsoleError } from './console-error.ts';
import type { ConsoleHost } from './host.ts';
import type { MoveCommand, MoveTerms } from './move-command.ts';
import type { Argument } from './words.ts';

/** The longest `FORCE AFTER`, seconds. */
const MOST_SECONDS = 86_400;

/**
 * One row each for the sessions that had a transfer. Rejects with `ConsoleError` or `CallError`. When `signal` fires, what can be stopped is
 * stopped.
 */
export async function move(
  command: MoveCommand,
  parameters: Parameters,
  host: ConsoleHost,
  signal: AbortSignal,
): Promise<readonly TransferRow[]> {
  const { calls } = host;
  switch (command.tag) {
    case 'MIGRATE': {
      const to = endpointNamed(command.to, parameters, host);
      const terms = termsOf(command.terms, parameters);
      const sessionIds =
        command.what === 'client'
          ? [clientNamed(command.id, parameters, host)]
          : sessionsOf(endpointNamed(command.id, parameters, host), host);
      if (sessionIds.length === 0) return [];
      return await settled(calls.migrate({ sessionIds, to, ...terms, ...modeOf(command.terms.mode, parameters) }));
    }
    case 'REMAP': {
      const endpoint = endpointNamed(command.endpoint, parameters, host);
      const { text } = valueOf(command.to, parameters);
      const to = text.includes('://') ? text : endpointNamed(command.to, parameters, host);
      return await settled(calls['endpoints.remap']({ endpoint, to, ...termsOf(command.terms, parameters) }));
    }
    case 'DRAIN': {
      const backend = backendNamed(command.backend, parameters, host);
      const to = endpointNamed(command.to, parameters, host);
      return await settled(calls['backend.drain']({ backend, to, ...termsOf(command.terms, parameters) }));
    }
    case 'UNDRAIN':
      await calls['backend.undrain']({ backend: backendNamed(command.backend, parameters, host) });
      return [];
    case 'UNDO': {
      const operationId = numberOf(command.operation, parameters, "an operation's id");
      return await settled(calls['operation.undo']({ operationId, withinMs: withinMsOf(command.terms.within, parameters) }));
    }
    case 'CANCEL':
      await calls['operation.cancel']({ operationId: numberOf(command.operation, parameters, "an operation's id") });
      return [];
  }

  async function settled(started: { operationId: number } | Promise<{ operationId: number }>): Promise<readonly TransferRow[]> {
    return await host.settled((await started).operationId, signal);
  }
}

function termsOf(terms: MoveTerms, parameters: Parameters): { withinMs: number; forceAfterMs: number | null; carry?: CarryOptions } {
  const { within, forceAfter, carry } = terms;
  return {
    withinMs: withinMsOf(within, parameters),
    forceAfterMs: forceAfter === null ? null : secondsOf(forceAfter, parameters, 'FORCE AFTER', MOST_SECONDS),
    ...(carry === null ? {} : { carry: carryOf(valueOf(carry, parameters).text) }),
  };
}

function modeOf(mode: Argument | null, parameters: Parameters): { mode?: TransferMode } {
  if (mode === null) return {};
  const { text } = valueOf(mode, parameters);
  const parsed = transferMode.safeParse(text.toLowerCase());
  if (parsed.success) return { mode: parsed.data };
  throw new ConsoleError('22023', `there is no mode "${text}"`, { hint: `Modes: ${transferMode.options.join(', ')}.` });
}

/** Their names as a person writes them, `advisory_locks` for `advisoryLocks`. */
const carried = new Map(
  Object.keys(carryOptions.shape).map((key) => [key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`), key] as const),
);

/** `none`, or names behind commas: what is not named stays. */
function carryOf(text: string): CarryOptions {
  const named: Record<string, boolean> = {};
  for (const part of text.toLowerCase().split(',')) {
    const name = part.trim();
    const key = carried.get(name);
    if (key !== undefined) named[key] = true;
    else if (name !== 'none' && name !== '') {
      throw new ConsoleError('22023', `"${name}" cannot be carried along`, { hint: `What can be: ${[...carried.keys()].join(', ')}.` });
    }
  }
  return carryOptions.parse(named);
}

function sessionsOf(endpoint: string, host: ConsoleHost): number[] {
  return host
    .sessions()
    .filter((session) => session.endpoint === endpoint)
    .map((session) => session.id);
}
