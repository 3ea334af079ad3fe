import { memo, useRef } from 'react';
import type { ReactNode } from 'react';
import { cx } from '../../lib/cx.ts';
import { formatCount, plural } from '../../lib/format.ts';
import { useServer } from '../../store/server.ts';
import { Lamp } from '../../ui/Lamp.tsx';
import { StackBar } from '../../ui/StackBar.tsx';
import { useJudgement } from '../drag/dragging.ts';
import { useDropTarget } from '../drag/use-drag.ts';
import { BackendMark, backendFill } from '../endpoints/BackendMark.tsx';
import { statusLook } from '../endpoints/status.ts';
import { openOf, parts } from '../pools/parts.ts';
import type { BackendNode, Yard } from './model.ts';
import { Hit } from './Hit.tsx';
import { Name } from './Name.tsx';
import { backendKey } from './nodes.ts';
import styles from './Nodes.module.css';
import { placeOf, useStage } from './stage-context.ts';

/** The right column: the servers, whether they are up, and how full their pools are. */
export const Backends = memo(function Backends({ yard }: { yard: Yard }): ReactNode {
  return (
    <div role="tree" aria-label="Backends">
      {yard.backends.map((at) => (
        <Server key={at.backend} at={at} />
      ))}
    </div>
  );
});

/** All pools of a server together. */
function occupancy({ pools }: BackendNode): { size: number; open: number; waiting: number; words: string } {
  const sum = { size: 0, open: 0, waiting: 0 };
  for (const pool of pools) {
    sum.size += pool.size;
    sum.open += openOf(pool);
    sum.waiting += pool.waiting;
  }
  const waiting = sum.waiting > 0 ? `, ${formatCount(sum.waiting)} waiting` : '';
  return { ...sum, words: `${formatCount(sum.open)} of ${plural(sum.size, 'connection')} open${waiting}` };
}

function Server({ at }: { at: BackendNode }): ReactNode {
  const stage = useStage();
  const key = backendKey(at.backend);
  const ref = useRef<HTMLDivElement>(null);
  const target = { kind: 'backend', backend: at.backend } as const;
  const over = useDropTarget(ref, target);
  const judgement = useJudgement(target);
  const first = at.endpoints[0];
  const look = statusLook[first?.status ?? 'unknown'];
  const color = useServer((state) => state.colors.get(at.backend));
  const redirected = at.endpoints.find((endpoint) => endpoint.redirectedTo !== null)?.redirectedTo ?? null;
  const pool = occupancy(at);
  const status = first
    ? `${look.words}${first.serverVersion === null ? '' : `, PostgreSQL ${first.serverVersion}`}`
    : 'no endpoint leads here';
  return (
    <div
      ref={ref}
      data-pick={key}
      className={cx(
        styles.node,
        styles.server,
        first?.status === 'down' && styles.down,
        stage.lit?.has(key) === false && styles.dim,
        judgement?.fits === true && styles.fits,
        judgement?.fits === false && styles.unfit,
        over && styles.over,
      )}
      style={{ ...placeOf(key, stage), borderLeftColor: backendFill(color) }}
    >
      <Hit
        of={key}
        label={[
          `Backend ${at.backend}`,
          status,
          redirected !== null && `drained, new clients go to ${redirected}`,
          plural(at.sessions, 'session'),
          at.pools.length > 0 && pool.words,
        ]
          .filter(Boolean)
          .join(', ')}
      />
      <div className={styles.drawn} aria-hidden="true">
        <span className={styles.line}>
          <BackendMark backend={at.backend} />
          <Name>{at.backend}</Name>
          <span className={styles.count}>{formatCount(at.sessions)}</span>
        </span>
        {judgement === null ? (
          <span className={styles.soft} title={first?.statusReason ?? status}>
            <Lamp tone={look.tone} shape={look.shape} />
            <span className={styles.clip}>{first?.statusReason ?? status}</span>
          </span>
        ) : (
          <span className={styles.verdict}>{judgement.fits ? judgement.words : judgement.why}</span>
        )}
        {redirected !== null && judgement === null ? (
          <span className={styles.soft} title={`Drained: new clients go to ${redirected}`}>
            <Lamp tone="warn" shape="half" />
            <span className={styles.clip}>drained, new clients go to {redirected}</span>
          </span>
        ) : (
          <span className={styles.soft}>
            <span className={styles.clip}>{at.pools.length === 0 ? 'no pool yet' : pool.words}</span>
          </span>
        )}
        {at.pools.length > 0 && (
          <StackBar
            parts={parts.map((part) => ({ ...part, value: at.pools.reduce((sum, each) => sum + each[part.of], 0) }))}
            whole={Math.max(pool.size, pool.open + pool.waiting)}
            label={pool.words}
          />
        )}
      </div>
    </div>
  );
}
