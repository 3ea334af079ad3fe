import { useEffect, useRef, useState } from 'react';
import type { ReactNode } from 'react';
import { useMotion } from '../../store/preferences.ts';
import { Lamp } from '../../ui/Lamp.tsx';
import type { Drawing } from './drawing.ts';
import { pathOf } from './layout.ts';
import { serverRouteOf } from './shunting.ts';
import styles from './Travellers.module.css';
import type { Frame } from './watch.ts';

/** More than these would be a flood, not an explanation. */
const MOST = 40;
const STAGGER_MS = 45;

interface Traveller {
  key: string;
  path: string;
  delayMs: number;
}

interface TravellersProps {
  frame: Frame;
  drawing: Drawing;
  /** What is shown is old or held: nothing travels. */
  still: boolean;
}

/** Sessions that have just moved, each a lamp that runs from its former server to the other along the tracks. Decoration. */
export function Travellers({ frame, drawing, still }: TravellersProps): ReactNode {
  const [travellers, setTravellers] = useState<readonly Traveller[]>([]);
  const moves = useMotion() && !still;
  const where = useRef(drawing);
  useEffect(() => {
    where.current = drawing;
  });
  useEffect(() => {
    if (!moves) return setTravellers([]);
    const more = frame.arrivals.flatMap(({ session, from }, place) => {
      if (from.backend === session.backend) return [];
      const points = serverRouteOf(where.current, from, session);
      return points ? [{ key: `${session.id} ${frame.server.seq}`, path: pathOf(points), delayMs: place * STAGGER_MS }] : [];
    });
    if (more.length > 0) setTravellers((before) => [...before, ...more].slice(0, MOST));
    return undefined;
  }, [frame, moves]);
  return (
    <div aria-hidden="true">
      {travellers.map(({ key, path, delayMs }) => (
        <span
          key={key}
          className={styles.traveller}
          data-testid="traveller"
          style={{ offsetPath: `path("${path}")`, animationDelay: `${delayMs}ms` }}
          onAnimationEnd={() => setTravellers((before) => before.filter((each) => each.key !== key))}
        >
          <Lamp tone="info" shape="full" size={13} />
        </span>
      ))}
    </div>
  );
}
