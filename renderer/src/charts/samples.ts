import { useEffect, useState } from 'react';
import type { RefObject } from 'react';
import type { Sample } from '../../../core/contract/index.ts';
import { useServer } from '../store/server.ts';

/** Charts redraw in turns, this many milliseconds apart, so that no frame has to draw them all. */
const SLOT_MS = 250;

/**
 * The samples, once a second, in this chart's turn (`slot` 0 to 3). Stands still while the page is hidden or `element` is
 * scrolled out of sight, and catches up in one step.
 */
export function useSamples(slot: number, element: RefObject<Element | null>): readonly Sample[] {
  const [samples, setSamples] = useState(() => useServer.getState().samples);
  useEffect(() => {
    let visible = true;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const draw = (): void => {
      clearTimeout(timer);
      timer = undefined;
      if (visible && !document.hidden) setSamples(useServer.getState().samples);
    };
    const unsubscribe = useServer.subscribe((now, before) => {
      if (now.samples !== before.samples) timer ??= setTimeout(draw, slot * SLOT_MS);
    });
    const sight = new IntersectionObserver(([entry]) => {
      visible = entry?.isIntersecting ?? true;
      draw();
    });
    if (element.current) sight.observe(element.current);
    document.addEventListener('visibilitychange', draw);
    return () => {
      clearTimeout(timer);
      unsubscribe();
      sight.disconnect();
      document.removeEventListener('visibilitychange', draw);
    };
  }, [slot, element]);
  return samples;
}
