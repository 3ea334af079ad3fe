import { useEffect, useState } from 'react';
import type { CapturedStatement, CapturePage } from '../../../../core/contract/index.ts';
import { useHost } from '../../bridge/client.ts';
import { useServer } from '../../store/server.ts';
import { useView } from '../../store/view.ts';

const EVERY_MS = 700;
/** Most that are shown. */
const SHOWN = 500;

export interface Captured {
  /** Newest first. */
  statements: readonly CapturedStatement[];
  keptUntil: number | null;
  dropped: number;
}

const nothing: Captured = { statements: [], keptUntil: null, dropped: 0 };

/** What was captured of a session: followed while the capture runs, read once more when it has ended. `turn`: read anew. */
export function useCaptured(sessionId: number, isOn: boolean, turn: number): Captured {
  const call = useHost();
  const isLive = useServer((state) => state.feed === 'live');
  const isFrozen = useView((state) => state.frozen !== null);
  const [captured, setCaptured] = useState<Captured>(nothing);
  useEffect(() => {
    if (!isLive || isFrozen) return;
    let isOver = false;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let after = -1;
    const known = new Map<number, CapturedStatement>();
    const take = (page: CapturePage): void => {
      for (const statement of page.statements) known.set(statement.id, statement);
      const isMore = page.next !== after && page.statements.length > 0;
      after = page.next;
      const statements = [...known.values()].toSorted((a, b) => b.id - a.id).slice(0, SHOWN);
      setCaptured({ statements, keptUntil: page.keptUntil, dropped: page.dropped });
      if (isMore) ask();
      else if (isOn) timer = setTimeout(ask, EVERY_MS);
    };
    const ask = (): void => {
      call('capture.read', { after, sessionId }).then(
        (page) => {
          if (!isOver) take(page);
        },
        () => {
          // A lost host is said elsewhere; when it is back this begins anew.
          if (!isOver && isOn) timer = setTimeout(ask, EVERY_MS);
        },
      );
    };
    ask();
    return () => {
      isOver = true;
      clearTimeout(timer);
    };
  }, [call, sessionId, isOn, isLive, isFrozen, turn]);
  return captured;
}
