import { useCallback } from 'react';
import type { CommandId } from '../../../core/contract/index.ts';
import { useHost } from '../bridge/client.ts';
import { runCommand } from './registry.ts';
import type { Pointed } from './situation.ts';

/** Gives commands from a component: `give('sessions.move')`. One that cannot be given does nothing. */
export function useCommand(): (id: CommandId, pointed?: Pointed) => void {
  const call = useHost();
  return useCallback((id, pointed) => runCommand({ call }, id, pointed), [call]);
}
