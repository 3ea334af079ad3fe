import { useEffect, useState } from 'react';
import type { Verdict } from '../../../../core/contract/index.ts';
import { useHost } from '../../bridge/client.ts';
import { failureOf } from '../../lib/use-action.ts';
import type { Failure } from '../../lib/use-action.ts';

type Preflight =
  { state: 'none' } | { state: 'asking' } | { state: 'known'; verdicts: readonly Verdict[] } | { state: 'failed'; failure: Failure };

/** The verdicts for moving these sessions to `to`; asks again when either changes and when `round` is counted up. */
export function usePreflight(sessionIds: readonly number[], to: string | null, round: number): Preflight {
  const call = useHost();
  const [preflight, setPreflight] = useState<Preflight>({ state: 'none' });
  useEffect(() => {
    if (to === null || sessionIds.length === 0) {
      setPreflight({ state: 'none' });
      return undefined;
    }
    let outdated = false;
    setPreflight({ state: 'asking' });
    call('preflight', { sessionIds: [...sessionIds], to }).then(
      ({ verdicts }) => !outdated && setPreflight({ state: 'known', verdicts }),
      (error: unknown) => !outdated && setPreflight({ state: 'failed', failure: failureOf(error) }),
    );
    return () => {
      outdated = true;
    };
  }, [call, sessionIds, to, round]);
  return preflight;
}
