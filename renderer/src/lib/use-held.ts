import { useEffect, useRef, useState } from 'react';
import type { FocusEvent } from 'react';

/** An arrangement that stands still under the pointer, and what a frame needs to hold it. */
interface Held<T> {
  /** What to show: the live arrangement, or the one from when the pointer or the keyboard came in. */
  shown: T;
  /** The live one differs from what is shown. */
  behind: boolean;
  /** Shows the live one, and holds that. */
  catchUp: () => void;
  /** For the element that holds. */
  frame: {
    onPointerEnter: () => void;
    onPointerLeave: () => void;
    onFocus: (event: FocusEvent) => void;
    onBlur: (event: FocusEvent<HTMLElement>) => void;
  };
}

/**
 * Keeps an arrangement (who stands where) as it is while the pointer is over it or the keyboard is in it, so that live data never
 * moves what is about to be clicked. `keyOf` tells arrangements apart; what the rows say is not part of it.
 */
export function useHeld<T>(live: T, keyOf: (arrangement: T) => string): Held<T> {
  const [kept, setKept] = useState<T | null>(null);
  const newest = useRef(live);
  const holders = useRef({ pointer: false, keyboard: false });
  useEffect(() => {
    newest.current = live;
  });
  const update = (change: Partial<{ pointer: boolean; keyboard: boolean }>): void => {
    Object.assign(holders.current, change);
    const isHeld = holders.current.pointer || holders.current.keyboard;
    setKept((before) => (isHeld ? (before ?? newest.current) : null));
  };
  const shown = kept ?? live;
  return {
    shown,
    behind: kept !== null && keyOf(kept) !== keyOf(live),
    catchUp: () => setKept((before) => (before === null ? null : newest.current)),
    frame: {
      onPointerEnter: () => update({ pointer: true }),
      onPointerLeave: () => update({ pointer: false }),
      // A click leaves the focus where it was; only somebody at the keyboard still reads there.
      onFocus: (event) => update({ keyboard: event.target.matches(':focus-visible') }),
      onBlur: (event) => {
        if (!(event.relatedTarget instanceof Node && event.currentTarget.contains(event.relatedTarget))) update({ keyboard: false });
      },
    },
  };
}
