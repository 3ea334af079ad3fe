import { memo } from 'react';
import type { ReactNode } from 'react';
import { cx } from '../../lib/cx.ts';
import { backendFill } from '../endpoints/BackendMark.tsx';
import type { Drawing } from './drawing.ts';
import { serverRouteOf } from './shunting.ts';
import { pathOf } from './layout.ts';
import type { Yard } from './model.ts';
import { clientKey, serverKey, thickness } from './traffic.ts';
import type { Rates } from './traffic.ts';
import styles from './Tracks.module.css';

interface TracksProps {
  drawing: Drawing;
  yard: Yard;
  rates: Rates;
  colors: ReadonlyMap<string, number>;
  /** Whether a track belongs to what is picked; null: nothing is. */
  lit: ((track: { application?: string; endpoint: string; backend?: string }) => boolean) | null;
}

/** The tracks, as thick as their traffic, in the colour of the server they lead to, and the routes of sessions that are to move. Decoration. */
export const Tracks = memo(function Tracks({ drawing, yard, rates, colors, lit }: TracksProps): ReactNode {
  const backendOf = new Map(yard.endpoints.map((endpoint) => [endpoint.id, endpoint.backend]));
  const down = new Set(yard.endpoints.filter((endpoint) => endpoint.status === 'down').map((endpoint) => endpoint.backend));
  return (
    <svg className={styles.tracks} width={drawing.width} height={drawing.height} aria-hidden="true">
      {drawing.serverTracks.map(({ track, path }) => (
        <Track
          key={serverKey(track.endpoint, track.backend)}
          path={path}
          color={backendFill(colors.get(track.backend))}
          width={thickness(rates.get(serverKey(track.endpoint, track.backend)))}
          used={track.sessions.length > 0}
          dashed={!track.mapped || down.has(track.backend)}
          dim={lit !== null && !lit(track)}
        />
      ))}
      {drawing.clientTracks.map(({ track, path }) => (
        <Track
          key={clientKey(track.application, track.endpoint)}
          path={path}
          color={backendFill(colors.get(backendOf.get(track.endpoint) ?? ''))}
          width={0.75 * thickness(rates.get(clientKey(track.application, track.endpoint)))}
          used
          dashed={false}
          dim={lit !== null && !lit(track)}
        />
      ))}
      {yard.routes.map((route) => {
        const points = serverRouteOf(drawing, route.from, route.to);
        const key = [route.from.endpoint, route.from.backend, route.to.endpoint, route.to.backend].join(' ');
        return points && <path key={key} className={styles.route} d={pathOf(points)} />;
      })}
    </svg>
  );
});

interface TrackProps {
  path: string;
  color: string;
  width: number;
  used: boolean;
  dashed: boolean;
  dim: boolean;
}

const Track = memo(function Track({ path, color, width, used, dashed, dim }: TrackProps): ReactNode {
  return (
    <g className={cx(dim && styles.dim)}>
      <path className={styles.bed} d={path} strokeWidth={width + 4} />
      <path
        className={cx(styles.rail, !used && styles.unused, used && width <= 2 && styles.quiet, dashed && styles.dashed)}
        d={path}
        stroke={color}
        strokeWidth={width}
      />
    </g>
  );
});
