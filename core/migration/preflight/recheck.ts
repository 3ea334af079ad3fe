/** The part of the preflight that can change at any moment, asked again right before a hold; the servers report it unasked. */
import type { ServerConnection } from '../../backend/server-connection.ts';
import type { Finding } from '../../contract/index.ts';
import { block } from '../dialect.ts';

/** The target takes no writes. */
export const STANDBY: Finding = block('standby', 'the target is a standby: it takes no writes', 'Promote it, or move to another server.');

/** Whether the target takes what the old server takes, by what each has last reported; nobody is asked. */
export function recheckWritability(old: ServerConnection | null, target: ServerConnection | null): Finding[] {
  const isOn = (server: ServerConnection | null, name: string): boolean => server?.parameters.get(name) === 'on';
  return isOn(target, 'in_hot_standby') && !isOn(old, 'in_hot_standby') ? [STANDBY] : [];
}
