/** Where the nodes of the yard stand and how its tracks run, all in pixels of the stage. Nothing here knows what a node says. */

/** A node and the height it needs. */
export interface Item {
  key: string;
  height: number;
}

/** Where a node stands. */
export interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}

/** The three columns, from the clients to the servers. */
export interface Columns {
  clients: readonly Item[];
  endpoints: readonly Item[];
  backends: readonly Item[];
}

/** The whole stage. */
export interface Layout {
  width: number;
  height: number;
  boxes: ReadonlyMap<string, Box>;
  /** Where the columns begin, by their names. */
  captions: ReadonlyMap<string, number>;
}

/** Above and below the nodes; the names of the columns stand above. */
const PAD = 26;
const LEAST_GAP = 10;
const MOST_GAP = 44;

/** Places the columns on a stage of this width, at least so high. */
export function layoutOf(columns: Columns, width: number, leastHeight: number): Layout {
  const widths = {
    clients: clamp(0.23 * width, 190, 330),
    endpoints: clamp(0.16 * width, 140, 230),
    backends: clamp(0.24 * width, 216, 340),
  };
  const between = Math.max(80, (width - widths.clients - widths.endpoints - widths.backends) / 2);
  const xs = { clients: 0, endpoints: widths.clients + between, backends: widths.clients + widths.endpoints + 2 * between };
  const height = Math.max(leastHeight, ...[columns.clients, columns.endpoints, columns.backends].map(needed));
  const boxes = new Map<string, Box>();
  for (const name of ['clients', 'endpoints', 'backends'] as const) {
    const items: readonly Item[] = columns[name];
    const sum = items.reduce((total, item) => total + item.height, 0);
    const gap = clamp((height - 2 * PAD - sum) / (items.length + 1), LEAST_GAP, MOST_GAP);
    let y = Math.max(PAD, (height - sum - gap * (items.length - 1)) / 2);
    for (const item of items) {
      boxes.set(item.key, { x: Math.round(xs[name]), y: Math.round(y), width: Math.round(widths[name]), height: item.height });
      y += item.height + gap;
    }
  }
  const captions = new Map([
    ['Clients', xs.clients],
    ['Endpoints', Math.round(xs.endpoints)],
    ['Backends', Math.round(xs.backends)],
  ]);
  return { width, height, boxes, captions };
}

function needed(items: readonly Item[]): number {
  return 2 * PAD + items.reduce((total, item) => total + item.height, 0) + LEAST_GAP * Math.max(0, items.length - 1);
}

function clamp(value: number, least: number, most: number): number {
  return Math.min(most, Math.max(least, value));
}

/** The heights at which so many tracks leave or reach a side of a node, from top to bottom. */
export function ports(box: Box, count: number, most = 18): number[] {
  const step = Math.min(most, (box.height - 20) / Math.max(1, count - 1));
  const first = box.y + box.height / 2 - (step * (count - 1)) / 2;
  return Array.from({ length: count }, (_, place) => first + place * step);
}

export interface Point {
  x: number;
  y: number;
}

const LEAD = 16;

/**
 * A track as a yard has them: straight, with one slope. The slope stands where the tracks come together (`end`) or part (`start`), at 45
 * degrees where there is room, so that those beside each other run into the same one.
 */
export function trackOf(from: Point, to: Point, slopeAt: 'start' | 'end'): Point[] {
  const room = Math.max(0, to.x - from.x - 2 * LEAD);
  const run = Math.min(Math.abs(to.y - from.y), (slopeAt === 'start' ? 0.5 : 0.8) * room);
  const x = slopeAt === 'start' ? from.x + LEAD : to.x - LEAD - run;
  return [from, { x, y: from.y }, { x: x + run, y: to.y }, to];
}

/** The way back along one track and forward along another: how a session gets from one server to another. */
export function shuntOf(back: readonly Point[], forth: readonly Point[]): Point[] {
  return [...back.slice(1).reverse(), ...forth.slice(1)];
}

/** An SVG path with its corners rounded. */
export function pathOf(points: readonly Point[], radius = 9): string {
  const distinct = points.filter((point, i) => i === 0 || distance(point, points[i - 1] as Point) > 0.5);
  return distinct
    .map((point, i) => {
      const before = distinct[i - 1];
      const after = distinct[i + 1];
      if (!before) return `M${at(point)}`;
      if (!after) return `L${at(point)}`;
      const into = Math.min(radius, distance(before, point) / 2);
      const out = Math.min(radius, distance(point, after) / 2);
      return `L${at(towards(point, before, into))}Q${at(point)} ${at(towards(point, after, out))}`;
    })
    .join('');
}

/** The point in the middle of a way. */
export function middleOf(points: readonly Point[]): Point {
  const whole = points.reduce((sum, point, i) => sum + (i === 0 ? 0 : distance(points[i - 1] as Point, point)), 0);
  let left = whole / 2;
  for (let i = 1; i < points.length; i += 1) {
    // Both are there: the loop runs within the list.
    const [from, to] = [points[i - 1] as Point, points[i] as Point];
    const length = distance(from, to);
    if (length >= left) return towards(from, to, left);
    left -= length;
  }
  return points.at(-1) ?? { x: 0, y: 0 };
}

function distance(a: Point, b: Point): number {
  return Math.hypot(b.x - a.x, b.y - a.y);
}

function towards(from: Point, to: Point, by: number): Point {
  const length = distance(from, to);
  const part = length === 0 ? 0 : by / length;
  return { x: from.x + (to.x - from.x) * part, y: from.y + (to.y - from.y) * part };
}

function at({ x, y }: Point): string {
  return `${Math.round(10 * x) / 10} ${Math.round(10 * y) / 10}`;
}
