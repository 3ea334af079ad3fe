import { memo, useRef } from 'react';
import type { ReactNode } from 'react';
import type { EndpointRow } from '../../../../core/contract/index.ts';
import { cx } from '../../lib/cx.ts';
import { formatBytes, formatCount, formatShort, plural } from '../../lib/format.ts';
import { Lamp } from '../../ui/Lamp.tsx';
import { useJudgement } from '../drag/dragging.ts';
import { useDragEndpoint, useDropTarget } from '../drag/use-drag.ts';
import { PausedMark } from '../endpoints/PausedMark.tsx';
import type { Yard } from './model.ts';
import { Hit } from './Hit.tsx';
import { Name } from './Name.tsx';
import { endpointKey } from './nodes.ts';
import styles from './Nodes.module.css';
import { placeOf, useStage } from './stage-context.ts';
import { serverKey, sumOf } from './traffic.ts';
import type { Rate, Rates } from './traffic.ts';

/** The middle column: the names that clients ask for. */
export const Endpoints = memo(function Endpoints({ yard, rates }: { yard: Yard; rates: Rates }): ReactNode {
  return (
    <div role="tree" aria-label="Endpoints">
      {yard.endpoints.map((endpoint) => (
        <EndpointNode
          key={endpoint.id}
          endpoint={endpoint}
          rate={sumOf(
            rates,
            yard.serverTracks.flatMap((track) => (track.endpoint === endpoint.id ? [serverKey(track.endpoint, track.backend)] : [])),
          )}
        />
      ))}
    </div>
  );
});

function EndpointNode({ endpoint, rate }: { endpoint: EndpointRow; rate: Rate }): ReactNode {
  const stage = useStage();
  const key = endpointKey(endpoint.id);
  const ref = useRef<HTMLDivElement>(null);
  useDragEndpoint(ref, endpoint.id);
  const target = { kind: 'endpoint', id: endpoint.id } as const;
  const over = useDropTarget(ref, target);
  const judgement = useJudgement(target);
  const notes = [
    `leads to ${endpoint.backend}`,
    plural(endpoint.sessions, 'session'),
    endpoint.isDefault && 'default',
    endpoint.paused && 'paused',
    endpoint.redirectedTo !== null && `drained, new clients go to ${endpoint.redirectedTo}`,
  ];
  return (
    <div
      ref={ref}
      data-pick={key}
      className={cx(
        styles.node,
        styles.endpoint,
        stage.lit?.has(key) === false && styles.dim,
        judgement?.fits === true && styles.fits,
        over && styles.over,
      )}
      style={placeOf(key, stage)}
    >
      <Hit of={key} label={`Endpoint ${endpoint.id}, ${notes.filter(Boolean).join(', ')}`} />
      <div className={styles.drawn} aria-hidden="true">
        <span className={styles.line}>
          <Name>{endpoint.id}</Name>
          <PausedMark id={endpoint.id} short />
          <span className={styles.count}>{formatCount(endpoint.sessions)}</span>
        </span>
        {judgement?.fits === true ? (
          <span className={styles.verdict}>{judgement.words}</span>
        ) : endpoint.redirectedTo === null ? (
          <span className={styles.soft}>
            <span className={styles.clip}>
              {rate.bytes === 0 ? 'quiet' : `${formatShort(rate.queries)} q/s, ${formatBytes(rate.bytes)}/s`}
            </span>
            {endpoint.isDefault && <span className={styles.default}>default</span>}
          </span>
        ) : (
          <span className={styles.soft} title={`Drained: new clients go to ${endpoint.redirectedTo}`}>
            <Lamp tone="warn" shape="half" />
            <span className={styles.clip}>new clients go to {endpoint.redirectedTo}</span>
          </span>
        )}
      </div>
    </div>
  );
}
