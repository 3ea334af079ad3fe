/** The words of a command as what they stand for: clients, endpoints, times. All throw `ConsoleError`. */
import type { Argument } from './words.ts';
import { ConsoleError } from './console-error.ts';
import type { ConsoleHost } from './host.ts';

/** The values that Bind gave. */
export type Parameters = readonly (string | null)[];

const defaultWithinSeconds = 30;
const maxWithinSeconds = 3600;

/** A client's id. */
export function clientNamed(argument: Argument, parameters: Parameters, host: ConsoleHost): number {
  const { text } = valueOf(argument, parameters);
  const id = /^\d{1,15}$/.test(text) ? Number(text) : 0;
  if (id > 0 && host.sessions().some((session) => session.id === id)) return id;
  throw new ConsoleError('42704', `there is no client ${id > 0 ? id : `"${text}"`}`, {
    hint: 'SHOW CLIENTS lists them; the column is "id".',
  });
}

/** The id of a client that may have left. */
export function formerClientNamed(argument: Argument, parameters: Parameters): number {
  const { text } = valueOf(argument, parameters);
  if (/^[1-9]\d{0,14}$/.test(text)) return Number(text);
  throw new ConsoleError('42704', `there is no client "${text}"`, { hint: 'SHOW CLIENTS lists them; the column is "id".' });
}

/** Ids match exactly; one written without quotes also matches without regard to case, if only one endpoint does. */
export function endpointNamed(argument: Argument, parameters: Parameters, host: ConsoleHost): string {
  const { text, quoted } = valueOf(argument, parameters);
  const ids = host.endpoints().map((endpoint) => endpoint.id);
  if (ids.includes(text)) return text;
  const alike = quoted ? [] : ids.filter((id) => id.toLowerCase() === text.toLowerCase());
  if (alike.length === 1 && alike[0] !== undefined) return alike[0];
  throw new ConsoleError('42704', `there is no endpoint "${text}"`, { hint: `Known endpoints: ${ids.slice(0, 20).join(', ') || 'none'}.` });
}

/** A backend as `host:port`; of a line of the map, or one that sessions still are on. */
export function backendNamed(argument: Argument, parameters: Parameters, host: ConsoleHost): string {
  const { text } = valueOf(argument, parameters);
  const known = [...new Set([...host.endpoints(), ...host.sessions()].map(({ backend }) => backend))];
  if (known.includes(text)) return text;
  throw new ConsoleError('42704', `there is no backend "${text}"`, { hint: `Known backends: ${known.slice(0, 20).join(', ') || 'none'}.` });
}

/** Seconds as milliseconds; null: as long as usual. */
export function withinMsOf(argument: Argument | null, parameters: Parameters): number {
  if (argument === null) return defaultWithinSeconds * 1000;
  return secondsOf(argument, parameters, 'WITHIN', maxWithinSeconds);
}

/** Seconds behind `word`, as milliseconds. */
export function secondsOf(argument: Argument, parameters: Parameters, word: string, most: number): number {
  const { text } = valueOf(argument, parameters);
  const value = /^\d+(\.\d*)?$|^\.\d+$/.test(text) ? Number(text) : Number.NaN;
  if (value >= 0 && value <= most) return Math.round(value * 1000);
  throw new ConsoleError('22023', `${word} takes seconds from 0 to ${most}, not "${text}"`);
}

/** A whole number above 0. */
export function numberOf(argument: Argument, parameters: Parameters, what: string): number {
  const { text } = valueOf(argument, parameters);
  if (/^[1-9]\d{0,14}$/.test(text)) return Number(text);
  throw new ConsoleError('22023', `${what} is a number, not "${text}"`);
}

/** What is written, or bound. */
export function valueOf(argument: Argument, parameters: Parameters): { text: string; quoted: boolean } {
  if ('text' in argument) return argument;
  const text = parameters[argument.parameter - 1];
  if (text === undefined) throw new ConsoleError('42P02', `there is no parameter $${argument.parameter}`);
  if (text === null) throw new ConsoleError('22004', `parameter $${argument.parameter} must not be null`);
  return { text, quoted: true };
}
