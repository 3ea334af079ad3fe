import { useCallback } from 'react';
import { CallError } from '../../../../core/contract/index.ts';
import type { ChangeEffect, EndpointChange } from '../../../../core/contract/index.ts';
import { useHost } from '../../bridge/client.ts';
import { useView } from '../../store/view.ts';

/**
 * Applies edits of the map, all or none, and offers to bring the sessions along that stay behind. Rejects with the first reason why it
 * cannot be done.
 */
export function useMapEdit(): (changes: readonly EndpointChange[]) => Promise<readonly ChangeEffect[]> {
  const call = useHost();
  return useCallback(
    async (changes) => {
      const { applied, effects } = await call('endpoints.apply', { changes: [...changes] });
      const problem = effects.find((effect) => effect.problem !== null)?.problem;
      if (!applied) throw new CallError(problem?.code ?? 'not_applied', problem?.message ?? 'Nothing was applied.', problem?.hint ?? null);
      const behind = effects
        .filter(({ stranded }) => stranded.length > 0)
        .map(({ endpoint, stranded }) => ({ endpoint, sessionIds: stranded }));
      if (behind.length > 0) {
        useView.setState(({ stranded }) => ({
          stranded: [...stranded.filter((each) => behind.every(({ endpoint }) => endpoint !== each.endpoint)), ...behind],
        }));
      }
      return effects;
    },
    [call],
  );
}
