import { monitorForElements } from '@atlaskit/pragmatic-drag-and-drop/element/adapter';
import { useEffect, useRef } from 'react';
import type { ReactNode } from 'react';
import { cx } from '../../lib/cx.ts';
import { useServer } from '../../store/server.ts';
import { Lamp } from '../../ui/Lamp.tsx';
import { BackendMark } from '../endpoints/BackendMark.tsx';
import { statusLook } from '../endpoints/status.ts';
import { endpointsAt } from '../servers/words.ts';
import styles from './Drag.module.css';
import { judgeNow, moveTo, payloadWords, useDragging, useJudgement } from './dragging.ts';
import { payloadOf, targetOf } from './payload.ts';
import { useDropTarget } from './use-drag.ts';

/**
 * Follows every drag of sessions and endpoints in the window: knows what is dragged, opens the dialog where it is dropped, and shows the
 * servers as targets where the view itself has none. For the pointer only; whatever is dragged has a menu that does the same.
 */
export function DragLayer({ dock }: { dock: boolean }): ReactNode {
  const payload = useDragging((state) => state.payload);
  useEffect(
    () =>
      monitorForElements({
        canMonitor: ({ source }) => payloadOf(source.data) !== null,
        onDragStart: ({ source }) => useDragging.setState({ payload: payloadOf(source.data) }),
        onDrop: ({ source, location }) => {
          useDragging.setState({ payload: null });
          const dragged = payloadOf(source.data);
          const target = location.current.dropTargets.map(({ data }) => targetOf(data)).find((each) => each !== null);
          if (dragged === null || target === undefined) return;
          const judgement = judgeNow(dragged, target);
          if (judgement.fits) moveTo(dragged, judgement.to);
        },
      }),
    [],
  );
  const backends = useServer((state) => state.endpoints);
  if (!dock || payload === null) return null;
  return (
    <div className={styles.dock} role="region" aria-label="Drop on a server">
      <p className={styles.what}>
        <b>{payloadWords(payload)}</b>: drop on a server
      </p>
      <ul className={styles.targets}>
        {[...new Set(backends.map((endpoint) => endpoint.backend))].map((backend) => (
          <Target key={backend} backend={backend} />
        ))}
      </ul>
    </div>
  );
}

function Target({ backend }: { backend: string }): ReactNode {
  const ref = useRef<HTMLLIElement>(null);
  const target = { kind: 'backend', backend } as const;
  const over = useDropTarget(ref, target);
  const judgement = useJudgement(target);
  const endpoints = useServer((state) => state.endpoints);
  const look = statusLook[endpoints.find((endpoint) => endpoint.backend === backend)?.status ?? 'unknown'];
  return (
    <li ref={ref} className={cx(styles.target, judgement?.fits === true ? styles.fits : styles.unfit, over && styles.over)}>
      <span className={styles.name} title={backend}>
        <BackendMark backend={backend} /> {backend}
      </span>
      <span className={styles.soft} title={endpointsAt(endpoints, backend)}>
        <Lamp tone={look.tone} shape={look.shape} /> {endpointsAt(endpoints, backend)}
      </span>
      <span className={styles.verdict}>{judgement === null ? '' : judgement.fits ? judgement.words : judgement.why}</span>
    </li>
  );
}
