import { memo, useRef } from 'react';
import type { CSSProperties, ReactNode } from 'react';
import type { SessionRow } from '../../../../core/contract/index.ts';
import { cx } from '../../lib/cx.ts';
import { formatShort } from '../../lib/format.ts';
import { Lamp } from '../../ui/Lamp.tsx';
import { useDragSessions } from '../drag/use-drag.ts';
import { states } from '../sessions/states.ts';
import styles from './Berths.module.css';
import type { Drawing } from './drawing.ts';
import { middleOf } from './layout.ts';
import type { Yard } from './model.ts';
import { nameOf } from './model.ts';
import { sessionKey } from './nodes.ts';
import { serverRouteOf } from './shunting.ts';

const STEP_PX = 14;
const MOST = 24;
/** Room that the number of the others needs. */
const MORE_PX = 38;
/** How far beside its route the number of those on it stands. */
const BESIDE_PX = 34;

/**
 * The sessions that stand before their server, one lamp each as far as there is room, those that are to move first; and how many are on
 * their way. For the pointer: the same sessions are listed in their groups.
 */
export const Berths = memo(function Berths({ drawing, yard }: { drawing: Drawing; yard: Yard }): ReactNode {
  return (
    <div aria-hidden="true">
      {drawing.serverTracks.map(({ track, points }) => {
        const [, , bend, end] = points;
        if (!bend || !end || track.sessions.length === 0) return null;
        const room = end.x - bend.x - 10;
        const all = Math.floor(room / STEP_PX);
        const fits = track.sessions.length <= Math.min(all, MOST);
        const count = fits ? track.sessions.length : Math.max(1, Math.min(MOST, Math.floor((room - MORE_PX) / STEP_PX)));
        const ordered = fits
          ? track.sessions
          : [...track.sessions].sort((a, b) => Number(b.transfer !== null) - Number(a.transfer !== null));
        const key = `${track.endpoint} ${track.backend}`;
        return (
          <div key={key}>
            {ordered.slice(0, count).map((session, place) => (
              <Dot key={session.id} session={session} x={end.x - 12 - place * STEP_PX} y={end.y} />
            ))}
            {!fits && (
              <span className={styles.more} style={placed(end.x - 12 - count * STEP_PX - 16, end.y)}>
                +{formatShort(track.sessions.length - count)}
              </span>
            )}
          </div>
        );
      })}
      {yard.routes.map((route) => {
        const points = serverRouteOf(drawing, route.from, route.to);
        if (!points) return null;
        const { x, y } = middleOf(points);
        const words = [route.moving > 0 && `${route.moving} moving`, route.armed > 0 && `${route.armed} waiting for a safe point`];
        return (
          <span
            key={[route.from.endpoint, route.from.backend, route.to.endpoint, route.to.backend].join(' ')}
            className={cx(styles.badge, styles.pulse)}
            style={placed(x + BESIDE_PX, y)}
            title={words.filter(Boolean).join(', ')}
          >
            <Lamp tone={route.moving > 0 ? 'info' : 'warn'} shape={route.moving > 0 ? 'points' : 'half'} />
            {route.armed + route.moving}
          </span>
        );
      })}
    </div>
  );
});

function placed(x: number, y: number): CSSProperties {
  return { transform: `translate(${Math.round(x)}px, ${Math.round(y)}px) translate(-50%, -50%)` };
}

interface DotProps {
  session: SessionRow;
  x: number;
  y: number;
}

function Dot({ session, x, y }: DotProps): ReactNode {
  const ref = useRef<HTMLSpanElement>(null);
  useDragSessions(ref, [session.id]);
  const look = states[session.transfer ? 'migrating' : session.state];
  const where = session.transfer ? `, ${session.transfer.phase} for ${session.transfer.to}` : '';
  return (
    <span
      ref={ref}
      className={cx(styles.dot, session.transfer && styles.pulse)}
      style={placed(x, y)}
      data-pick={sessionKey(session.id)}
      title={`Session ${session.id}, ${nameOf(session.application)}: ${session.state}${where}`}
    >
      <Lamp tone={look.tone} shape={look.shape} size={11} />
    </span>
  );
}
