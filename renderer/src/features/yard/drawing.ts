import { layoutOf, pathOf, ports, trackOf } from './layout.ts';
import type { Box, Layout, Point } from './layout.ts';
import type { ClientTrack, Group, ServerTrack, Yard } from './model.ts';
import { backendKey, endpointKey, groupKey, REST } from './nodes.ts';

/** The heights of what stands in the yard, in pixels; the style sheets follow them. */
export const HEADER_PX = 52;
export const SESSION_PX = 28;
const ENDPOINT_PX = 58;
const BACKEND_PX = 92;
/** Sessions that an open group lists; the others are a line that leads to the table. */
export const LISTED = 12;

/** A track with the way it takes. */
export interface Drawn<T> {
  track: T;
  points: readonly Point[];
  path: string;
}

/** Everything placed. */
export interface Drawing extends Layout {
  clientTracks: readonly Drawn<ClientTrack>[];
  serverTracks: readonly Drawn<ServerTrack>[];
}

/** Lines in an open group. */
export function linesOf(group: Group): number {
  return Math.min(group.sessions.length, LISTED) + (group.sessions.length > LISTED ? 1 : 0);
}

interface Shown {
  groups: readonly Group[];
  rest: readonly Group[];
  expanded: ReadonlySet<string>;
}

/** Places what is shown on a stage. */
export function drawingOf(yard: Yard, { groups, rest, expanded }: Shown, width: number, leastHeight: number): Drawing {
  const layout = layoutOf(
    {
      clients: [
        ...groups.map((group) => ({
          key: groupKey(group.application),
          height: HEADER_PX + (expanded.has(group.application) ? linesOf(group) * SESSION_PX + 6 : 0),
        })),
        ...(rest.length > 0 ? [{ key: REST, height: HEADER_PX }] : []),
      ],
      endpoints: yard.endpoints.map(({ id }) => ({ key: endpointKey(id), height: ENDPOINT_PX })),
      backends: yard.backends.map(({ backend }) => ({ key: backendKey(backend), height: BACKEND_PX })),
    },
    width,
    leastHeight,
  );
  const folded = new Set(rest.map((group) => group.application));
  const clients = merged(yard.clientTracks, folded);
  return {
    ...layout,
    clientTracks: laid(clients, layout, (track) => [clientNode(track, folded), endpointKey(track.endpoint)], 'end'),
    serverTracks: laid(yard.serverTracks, layout, (track) => [endpointKey(track.endpoint), backendKey(track.backend)], 'start'),
  };
}

function clientNode(track: ClientTrack, folded: ReadonlySet<string>): string {
  return folded.has(track.application) ? REST : groupKey(track.application);
}

/** The applications that stand together have one track to each endpoint; it goes by the name of the first of them. */
function merged(tracks: readonly ClientTrack[], folded: ReadonlySet<string>): ClientTrack[] {
  const together = new Map<string, ClientTrack>();
  const own: ClientTrack[] = [];
  for (const track of tracks) {
    if (!folded.has(track.application)) own.push(track);
    else {
      const before = together.get(track.endpoint);
      together.set(track.endpoint, before ? { ...before, sessions: before.sessions + track.sessions } : track);
    }
  }
  return [...own, ...together.values()];
}

type Ends = readonly [from: string, to: string];

/** Gives each track its own place at both of its nodes, in the order of the nodes at its other end, so that none cross needlessly. */
function laid<T>(tracks: readonly T[], layout: Layout, endsOf: (track: T) => Ends, slopeAt: 'start' | 'end'): Drawn<T>[] {
  const ends = tracks.map((track) => endsOf(track));
  const topOf = (key: string): number => layout.boxes.get(key)?.y ?? 0;
  const place = (side: 0 | 1, i: number): number | null => {
    const key = ends[i]?.[side] ?? '';
    const box = layout.boxes.get(key);
    if (!box) return null;
    const other = side === 0 ? 1 : 0;
    const siblings = ends
      .map((each, index) => ({ each, index }))
      .filter(({ each }) => each[side] === key)
      .sort((a, b) => topOf(a.each[other]) - topOf(b.each[other]));
    // Where tracks come together into an endpoint they meet in one point, as a ladder of points does.
    if (side === 1 && slopeAt === 'end') return box.y + box.height / 2;
    const head: Box = side === 0 && slopeAt === 'end' ? { ...box, height: HEADER_PX } : box;
    return ports(head, siblings.length, slopeAt === 'end' ? 12 : 20)[siblings.findIndex(({ index }) => index === i)] ?? null;
  };
  return tracks.flatMap((track, i) => {
    const [from, to] = endsOf(track);
    const [left, right] = [layout.boxes.get(from), layout.boxes.get(to)];
    const [y1, y2] = [place(0, i), place(1, i)];
    if (!left || !right || y1 === null || y2 === null) return [];
    const points = trackOf({ x: left.x + left.width, y: y1 }, { x: right.x, y: y2 }, slopeAt);
    return [{ track, points, path: pathOf(points) }];
  });
}
