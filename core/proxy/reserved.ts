/** What a client may not say in its startup packet, because it belongs between a proxy and a CockroachDB server. */
import { isIPv6 } from 'node:net';
import type { Socket } from 'node:net';
import { reservedName, REVIVAL_TOKEN } from '../backend/reserved-parameters.ts';
import { ClientRefusal } from './incoming.ts';

/** Throws `ClientRefusal` when a client comes with a token of its own, in whatever case it writes its name. */
export function refuseToken(parameters: ReadonlyMap<string, string>): void {
  for (const name of parameters.keys()) {
    if (reservedName(name) === REVIVAL_TOKEN) throw new ClientRefusal('28000', `parameter ${REVIVAL_TOKEN} is not allowed`);
  }
}

/** The client's `address:port`, as CockroachDB reads it; null: it has left. */
export function clientAddressOf({ remoteAddress, remotePort }: Socket): string | null {
  if (remoteAddress === undefined || remotePort === undefined) return null;
  return isIPv6(remoteAddress) ? `[${remoteAddress}]:${remotePort}` : `${remoteAddress}:${remotePort}`;
}
