import type { ReactNode } from 'react';
import type { EndpointRow } from '../../../../core/contract/index.ts';
import { Lamp } from '../../ui/Lamp.tsx';
import { BackendMark } from './BackendMark.tsx';
import { PausedMark } from './PausedMark.tsx';
import { statusLook } from './status.ts';
import styles from './TargetChoice.module.css';

interface TargetChoicesProps {
  legend: string;
  targets: readonly { endpoint: EndpointRow; /** They are there already: it cannot be chosen. */ current?: boolean }[];
  chosen: string | null;
  onChoose: (endpoint: string) => void;
}

/** Where to go: one of these endpoints, each with its server and how that is. */
export function TargetChoices({ legend, targets, chosen, onChoose }: TargetChoicesProps): ReactNode {
  return (
    <fieldset className={styles.set}>
      <legend>{legend}</legend>
      <div className={styles.targets}>
        {targets.map(({ endpoint, current = false }) => {
          const look = statusLook[endpoint.status];
          return (
            <label key={endpoint.id} className={styles.target}>
              <input
                type="radio"
                name="target"
                value={endpoint.id}
                checked={chosen === endpoint.id}
                disabled={current}
                onChange={() => onChoose(endpoint.id)}
              />
              <span className={styles.name} title={endpoint.id}>
                {endpoint.id} <PausedMark id={endpoint.id} short />
              </span>
              <span className={styles.where} title={endpoint.statusReason ?? endpoint.backend}>
                <Lamp tone={look.tone} shape={look.shape} />
                <BackendMark backend={endpoint.backend} />
                <span>
                  {endpoint.backend}
                  {current ? ', where they are' : endpoint.status === 'up' ? '' : `, ${look.words}`}
                </span>
              </span>
            </label>
          );
        })}
      </div>
    </fieldset>
  );
}
