/** What a client is told once it is let in: the parameters its server reported, then that all is ready. */
import { parameterStatus, readyForQuery } from '../wire/messages.ts';
import { ownCopy } from '../wire/own-copy.ts';

/** Made once for all clients of a server connection: a dozen small messages are a tenth of what a short session costs. */
const made = new WeakMap<ReadonlyMap<string, string>, { readonly pairs: readonly string[]; readonly bytes: Buffer }>();

/** The bytes; made anew when the parameters have changed since. */
export function greeting(parameters: ReadonlyMap<string, string>): Buffer {
  const before = made.get(parameters);
  if (before !== undefined && isAsBefore(parameters, before.pairs)) return before.bytes;
  const bytes = ownCopy(Buffer.concat([...[...parameters].map(([name, value]) => parameterStatus(name, value)), readyForQuery()]));
  made.set(parameters, { pairs: [...parameters].flat(), bytes });
  return bytes;
}

function isAsBefore(parameters: ReadonlyMap<string, string>, pairs: readonly string[]): boolean {
  if (parameters.size * 2 !== pairs.length) return false;
  let at = 0;
  for (const [name, value] of parameters) {
    if (pairs[at] !== name || pairs[at + 1] !== value) return false;
    at += 2;
  }
  return true;
}
