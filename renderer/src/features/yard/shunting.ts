import type { Drawing } from './drawing.ts';
import { shuntOf, trackOf } from './layout.ts';
import type { Point } from './layout.ts';
import { backendKey, endpointKey } from './nodes.ts';

interface End {
  endpoint: string;
  backend: string;
}

/** The track from an endpoint to a server: the drawn one, or where it would run. Null: one of the two does not stand in the yard. */
function pointsOf(drawing: Drawing, { endpoint, backend }: End): readonly Point[] | null {
  const drawn = drawing.serverTracks.find(({ track }) => track.endpoint === endpoint && track.backend === backend);
  if (drawn) return drawn.points;
  const from = drawing.boxes.get(endpointKey(endpoint));
  const to = drawing.boxes.get(backendKey(backend));
  if (!from || !to) return null;
  return trackOf({ x: from.x + from.width, y: from.y + from.height / 2 }, { x: to.x, y: to.y + to.height / 2 }, 'start');
}

/** The way of a session from one server to another: back to where its track begins, over to the other, and forward. */
export function serverRouteOf(drawing: Drawing, from: End, to: End): Point[] | null {
  const back = pointsOf(drawing, from);
  const forth = pointsOf(drawing, to);
  return back && forth ? shuntOf(back, forth) : null;
}
