import type { ReactNode } from 'react';
import type { CarryOptions } from '../../../../core/contract/index.ts';
import type { Offer } from './carry.ts';
import styles from './Migrate.module.css';

interface CarryChoicesProps {
  offered: readonly Offer[];
  along: ReadonlySet<keyof CarryOptions>;
  onChange: (along: ReadonlySet<keyof CarryOptions>) => void;
}

/** What refuses some of the sessions and could be taken along; nothing where there is none. */
export function CarryChoices({ offered, along, onChange }: CarryChoicesProps): ReactNode {
  if (offered.length === 0) return null;
  return (
    <fieldset className={styles.set}>
      <legend>Take along what refuses them</legend>
      <div className={styles.along}>
        {offered.map(({ option, words }) => (
          <label key={option}>
            <input
              type="checkbox"
              checked={along.has(option)}
              onChange={(event) => {
                const next = new Set(along);
                if (event.target.checked) next.add(option);
                else next.delete(option);
                onChange(next);
              }}
            />
            {words}
          </label>
        ))}
        <span>They are read, rebuilt there and compared while the client is held; what cannot be rebuilt stays where it is.</span>
      </div>
    </fieldset>
  );
}
