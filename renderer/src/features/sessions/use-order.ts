import { useEffect, useMemo, useState } from 'react';
import type { RefObject } from 'react';
import { useServer } from '../../store/server.ts';
import type { ServerState } from '../../store/server.ts';
import { useMarks } from '../../store/marks.ts';
import { useView } from '../../store/view.ts';
import { matcherOf } from './filter-language/match.ts';
import { surroundings } from './matching.ts';
import { freshOrder, heldOrder } from './order.ts';
import type { OrderInput } from './order.ts';

const RESORT_MS = 1_000;

/**
 * The ids to show, in order. New sessions appear at once; rows change places at most once a second, and not at all while
 * `held.current` is true. A new filter or sort applies at once. A paused view keeps what it shows.
 */
export function useOrder(held: RefObject<boolean>): readonly number[] {
  const frozen = useView((state) => state.frozen);
  const [order, setOrder] = useState<readonly number[]>([]);
  const filter = useView((state) => state.filter);
  const marks = useMarks();
  const { column, descending } = useView((state) => state.sort);
  const matches = useMemo(() => matcherOf(filter), [filter]);

  useEffect(() => {
    const input = (state: ServerState): OrderInput => {
      const around = surroundings(state, frozen !== null);
      return {
        sessions: state.sessions,
        closed: state.closed,
        matches: (row) => matches(row, around),
        column,
        descending,
        top: marks.top,
        now: Date.now(),
      };
    };
    const state = frozen ?? useServer.getState();
    setOrder((previous) => freshOrder(previous, input(state)));
    if (frozen) return undefined;
    const unsubscribe = useServer.subscribe((now, before) => {
      if (now.sessions !== before.sessions || now.closed !== before.closed) {
        setOrder((previous) => heldOrder(previous, input(now)));
      }
    });
    const timer = setInterval(() => {
      if (!held.current) setOrder((previous) => freshOrder(previous, input(useServer.getState())));
    }, RESORT_MS);
    return () => {
      unsubscribe();
      clearInterval(timer);
    };
  }, [matches, column, descending, marks, frozen, held]);

  return order;
}
