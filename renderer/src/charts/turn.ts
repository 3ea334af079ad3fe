import { useEffect, useRef, useState } from 'react';
import type { RefObject } from 'react';

/** Charts redraw one after the other, this many milliseconds apart, so that no frame has to draw them all. */
const TURN_MS = 110;

/**
 * `value`, taken over in this chart's turn, and not while the chart is scrolled out of sight. Where `scale` changes it is taken over at
 * once, so that charts that stand together never show different stretches of time.
 */
export function useTurn<T>(value: T, turn: number, scale: string, element: RefObject<Element | null>): T {
  const [shown, setShown] = useState({ value, scale });
  const newest = useRef({ value, scale });
  const inSight = useRef(true);
  useEffect(() => {
    newest.current = { value, scale };
    if (!inSight.current) return undefined;
    const timer = setTimeout(() => setShown(newest.current), turn * TURN_MS);
    return () => clearTimeout(timer);
  }, [value, scale, turn]);
  useEffect(() => {
    const target = element.current;
    if (!target) return undefined;
    const sight = new IntersectionObserver(([entry]) => {
      inSight.current = entry?.isIntersecting ?? true;
      if (inSight.current) setShown((before) => (before.value === newest.current.value ? before : newest.current));
    });
    sight.observe(target);
    return () => sight.disconnect();
  }, [element]);
  return shown.scale === scale ? shown.value : value;
}
