import { useCallback, useEffect, useMemo, useRef, useState } from 'react';
import type { KeyboardEvent, MouseEvent, ReactNode } from 'react';
import { useServer } from '../../store/server.ts';
import { cx } from '../../lib/cx.ts';
import { useDragging } from '../drag/dragging.ts';
import { startMove, toggleSelected } from './actions.tsx';
import { Backends } from './Backends.tsx';
import { Berths } from './Berths.tsx';
import { Clients } from './Clients.tsx';
import { drawingOf, HEADER_PX, LISTED } from './drawing.ts';
import type { Drawing } from './drawing.ts';
import { Endpoints } from './Endpoints.tsx';
import { columnNames, columnOf, stepFrom } from './keyboard.ts';
import type { ColumnName, NodeGrid } from './keyboard.ts';
import { fold } from './model.ts';
import { backendKey, endpointKey, groupKey, nodeOf, REST, sessionKey } from './nodes.ts';
import type { YardNode } from './nodes.ts';
import { litBy } from './picked.ts';
import styles from './Yard.module.css';
import { StageContext } from './stage-context.ts';
import type { StageState } from './stage-context.ts';
import { Tracks } from './Tracks.tsx';
import { Travellers } from './Travellers.tsx';
import { useSize } from './use-size.ts';
import type { Frame } from './watch.ts';

/** Where a menu was asked for. */
export interface MenuRequest {
  node: YardNode;
  at: { x: number; y: number };
}

interface StageProps {
  frame: Frame;
  picked: string | null;
  onPick: (key: string | null) => void;
  onMenu: (request: MenuRequest) => void;
  /** What stands in the left column while there are no sessions. */
  noClients: ReactNode;
}

/** The names of the columns. */
function Captions({ drawing }: { drawing: Drawing }): ReactNode {
  return (
    <div aria-hidden="true">
      {[...drawing.captions].map(([name, x]) => (
        <span key={name} className={styles.caption} style={{ left: x }}>
          {name}
        </span>
      ))}
    </div>
  );
}

/**
 * The tracks with their nodes. Keys on a node: arrows go from node to node, right and left also open and close a group; Enter opens its
 * menu; M moves it; Space selects its sessions; Escape puts away what is picked.
 */
export function Stage({ frame, picked, onPick, onMenu, noClients }: StageProps): ReactNode {
  const { yard, rates, server } = frame;
  const scroll = useRef<HTMLDivElement>(null);
  const size = useSize(scroll);
  const [expanded, setExpanded] = useState<ReadonlySet<string>>(new Set());
  const [unfolded, setUnfolded] = useState(false);
  const [active, setActive] = useState<Partial<Record<ColumnName, string>>>({});
  const wantsFocus = useRef<string | null>(null);
  const lost = useServer((state) => state.feed !== 'live');

  const room = unfolded ? Number.POSITIVE_INFINITY : Math.max(4, Math.floor((size.height - 52) / (HEADER_PX + 10)));
  const { shown, rest } = useMemo(() => fold(yard.groups, room), [yard.groups, room]);
  const drawing = useMemo(
    () => drawingOf(yard, { groups: shown, rest, expanded }, size.width, size.height - 4),
    [yard, shown, rest, expanded, size],
  );
  const grid = useMemo<NodeGrid>(
    () => ({
      clients: [
        ...shown.flatMap((group) => [
          groupKey(group.application),
          ...(expanded.has(group.application) ? group.sessions.slice(0, LISTED).map((session) => sessionKey(session.id)) : []),
        ]),
        ...(rest.length > 0 ? [REST] : []),
      ],
      endpoints: yard.endpoints.map(({ id }) => endpointKey(id)),
      backends: yard.backends.map(({ backend }) => backendKey(backend)),
    }),
    [shown, rest, expanded, yard],
  );
  const node = picked === null ? null : nodeOf(picked, yard, rest);
  // While something is dragged the targets are what counts.
  const dragging = useDragging((state) => state.payload !== null);
  const lit = useMemo(() => (node === null || dragging ? null : litBy(node, yard, rest)), [node, dragging, yard, rest]);
  const stage = useMemo<StageState>(() => {
    const stops = columnNames.flatMap((name) => {
      const kept = active[name];
      return (kept !== undefined && grid[name].includes(kept) ? kept : grid[name][0]) ?? [];
    });
    return { drawing, tabStops: new Set(stops), picked, lit: lit?.keys ?? null };
  }, [drawing, grid, active, picked, lit]);

  useEffect(() => {
    const key = wantsFocus.current;
    if (key === null) return;
    const element = scroll.current?.querySelector<HTMLElement>(`[data-node="${CSS.escape(key)}"]`);
    if (!element) return;
    wantsFocus.current = null;
    element.focus();
  });

  const toggle = useCallback((application: string): void => {
    setExpanded((before) => {
      const next = new Set(before);
      if (!next.delete(application)) next.add(application);
      return next;
    });
  }, []);

  const activate = (key: string, focus: boolean): void => {
    const column = columnOf(grid, key);
    if (column === null) return;
    if (focus) wantsFocus.current = key;
    setActive((before) => ({ ...before, [column]: key }));
  };

  const menuAt = (element: Element, on: YardNode): void => {
    const box = element.getBoundingClientRect();
    onMenu({ node: on, at: { x: box.left + 24, y: Math.min(box.bottom, box.top + 44) } });
  };

  /** Opens or closes a group by an arrow; false: the arrow means something else there. */
  const arrowOpens = (on: YardNode, arrow: string): boolean => {
    if (on.kind !== 'group') return false;
    const open = expanded.has(on.group.application);
    if (arrow === 'ArrowRight' && !open && on.group.sessions.length > 0) toggle(on.group.application);
    else if (arrow === 'ArrowLeft' && open) toggle(on.group.application);
    else return false;
    return true;
  };

  const onKeyDown = (event: KeyboardEvent): void => {
    const element = event.target instanceof Element ? event.target.closest<HTMLElement>('[data-node]') : null;
    const key = element?.dataset['node'];
    const on = key === undefined ? null : nodeOf(key, yard, rest);
    if (!element || key === undefined || !on || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === 'Enter' || event.key === 'ContextMenu' || (event.key === 'F10' && event.shiftKey)) menuAt(element, on);
    else if (event.key === ' ') {
      if (on.kind === 'rest') setUnfolded(true);
      else toggleSelected(on, yard);
    } else if (event.key.toLowerCase() === 'm') startMove(on, yard);
    else if (event.key === 'Escape' && picked !== null) onPick(null);
    else if (event.key === 'ArrowRight' && on.kind === 'rest') setUnfolded(true);
    else if (on.kind === 'session' && event.key === 'ArrowLeft') activate(groupKey(on.session.application), true);
    else if (!arrowOpens(on, event.key)) {
      const next = stepFrom(grid, key, event.key);
      if (next === null) return;
      activate(next, true);
    }
    event.preventDefault();
    event.stopPropagation();
  };

  const onClick = (event: MouseEvent): void => {
    const key = event.target instanceof Element ? event.target.closest<HTMLElement>('[data-pick]')?.dataset['pick'] : undefined;
    if (key === undefined) return onPick(null);
    const on = nodeOf(key, yard, rest);
    if (!on) return;
    activate(key, true);
    if (on.kind === 'rest') setUnfolded(true);
    else if (event.ctrlKey || event.metaKey || event.shiftKey) toggleSelected(on, yard);
    else onPick(picked === key ? null : key);
  };

  const pickedUnder = (event: MouseEvent): YardNode | null => {
    const key = event.target instanceof Element ? event.target.closest<HTMLElement>('[data-pick]')?.dataset['pick'] : undefined;
    return key === undefined ? null : nodeOf(key, yard, rest);
  };

  return (
    <div ref={scroll} className={styles.scroll}>
      {size.width > 0 && (
        // oxlint-disable-next-line jsx-a11y/no-static-element-interactions -- listens for its nodes, which have the tab stops
        <div
          className={cx(styles.stage, lost && styles.still)}
          style={{ width: drawing.width, height: drawing.height }}
          onKeyDown={onKeyDown}
          onClick={onClick}
          onFocus={(event) => {
            const key = event.target.closest<HTMLElement>('[data-node]')?.dataset['node'];
            if (key !== undefined) activate(key, false);
          }}
          onDoubleClick={(event) => {
            const on = pickedUnder(event);
            if (on?.kind === 'group') toggle(on.group.application);
          }}
          onContextMenu={(event) => {
            const on = pickedUnder(event);
            if (!on) return;
            event.preventDefault();
            onMenu({ node: on, at: { x: event.clientX, y: event.clientY } });
          }}
        >
          <StageContext value={stage}>
            <Captions drawing={drawing} />
            <Tracks drawing={drawing} yard={yard} rates={rates} colors={server.colors} lit={lit?.has ?? null} />
            {yard.groups.length === 0 ? (
              <div className={styles.noClients}>{noClients}</div>
            ) : (
              <Clients groups={shown} rest={rest} expanded={expanded} onToggle={toggle} />
            )}
            <Endpoints yard={yard} rates={rates} />
            <Berths drawing={drawing} yard={yard} />
            <Backends yard={yard} />
            <Travellers frame={frame} drawing={drawing} still={lost} />
          </StageContext>
        </div>
      )}
    </div>
  );
}
