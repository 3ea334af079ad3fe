import { useEffect, useMemo, useState } from 'react';
import { LOG_KEPT } from '../../../../core/contract/index.ts';
import type { LogEntry } from '../../../../core/contract/index.ts';
import { useHost } from '../../bridge/client.ts';
import { failureOf } from '../../lib/use-action.ts';
import type { Failure } from '../../lib/use-action.ts';
import { useServer } from '../../store/server.ts';

const PAGE = 1_000;

/** Every line of the event log that the host keeps, oldest first: those that came with the feed, and those before, page by page. */
export function useEventLog(): { log: readonly LogEntry[]; failure: Failure | null } {
  const call = useHost();
  const live = useServer((state) => state.log);
  const isLive = useServer((state) => state.feed === 'live');
  const [older, setOlder] = useState<readonly LogEntry[]>([]);
  const [failure, setFailure] = useState<Failure | null>(null);
  const first = live[0]?.id ?? null;
  const isWhole = live.length >= LOG_KEPT;
  useEffect(() => {
    if (first === null || isWhole || !isLive) return undefined;
    let over = false;
    const load = async (): Promise<void> => {
      let found: LogEntry[] = [];
      let before = first;
      while (found.length < LOG_KEPT) {
        const { entries } = await call('events.list', { before, limit: PAGE });
        if (over) return;
        const oldest = entries[0];
        if (oldest === undefined) break;
        found = [...entries, ...found];
        before = oldest.id;
        setOlder(found);
      }
      setFailure(null);
    };
    load().catch((error: unknown) => {
      if (!over) setFailure(failureOf(error));
    });
    return () => {
      over = true;
    };
  }, [call, first, isWhole, isLive]);
  const log = useMemo(() => {
    const before = first === null ? older : older.filter(({ id }) => id < first);
    return before.length === 0 ? live : [...before, ...live].slice(-LOG_KEPT);
  }, [older, live, first]);
  return { log, failure };
}
