import { useEffect, useState } from 'react';
import type { RefObject } from 'react';

const listeners = new WeakMap<Element, (width: number) => void>();
/** One observer for all charts: each measuring by itself is what makes live charts slow. */
const observer = new ResizeObserver((entries) => {
  for (const entry of entries) listeners.get(entry.target)?.(Math.floor(entry.contentRect.width));
});

/** The inner width of an element in whole pixels; 0 before the first measurement. */
export function useWidth(element: RefObject<Element | null>): number {
  const [width, setWidth] = useState(0);
  useEffect(() => {
    const target = element.current;
    if (!target) return undefined;
    listeners.set(target, setWidth);
    observer.observe(target);
    return () => {
      observer.unobserve(target);
      listeners.delete(target);
    };
  }, [element]);
  return width;
}
