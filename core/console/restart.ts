/** RESTART BACKEND: returns once the server may be restarted; what comes then shows in SHOW OPERATIONS and SHOW LOG. */
import { CallError } from '../contract/index.ts';
import { backendNamed, secondsOf, type Parameters } from './arguments.ts';
import type { ConsoleHost } from './host.ts';
import type { Cell } from './view.ts';
import type { Argument, Words } from './words.ts';

/** See the head of this file. */
export interface RestartCommand {
  readonly kind: 'restart';
  readonly backend: Argument;
  readonly within: Argument | null;
}

export const restartColumnNames = ['operation', 'state', 'sessions'];

/** How long it may take in all, seconds. */
const WITHIN = 300;
const MOST_SECONDS = 3_600;

/** Reads what stands behind the first word. Throws `ConsoleError` 42601. */
export function parseRestart(words: Words): RestartCommand {
  if (words.keyword() !== 'BACKEND') throw words.unexpected('BACKEND');
  const backend = words.argument('a backend (host:port)');
  if (words.atEnd()) return { kind: 'restart', backend, within: null };
  if (words.keyword() !== 'WITHIN') throw words.unexpected('WITHIN or the end');
  const within = words.argument('a number of seconds');
  words.end();
  return { kind: 'restart', backend, within };
}

/** Rejects with `ConsoleError` or `CallError`. When `signal` fires first, the restart is given up. */
export async function restart(command: RestartCommand, parameters: Parameters, host: ConsoleHost, signal: AbortSignal): Promise<Cell[]> {
  const backend = backendNamed(command.backend, parameters, host);
  const withinMs = command.within === null ? WITHIN * 1_000 : secondsOf(command.within, parameters, 'WITHIN', MOST_SECONDS);
  const { operationId } = await host.calls['backend.restart']({ backend, withinMs });
  const row = await host.restartable(operationId, signal);
  if (row.settledAt !== null && row.success === 0) {
    throw new CallError(
      'not_restartable',
      `${backend} could not be restarted: not all of its sessions could be held in time.`,
      'SHOW LOG says more.',
    );
  }
  return [operationId, row.label.replace(/^.*?: /, ''), row.total];
}
