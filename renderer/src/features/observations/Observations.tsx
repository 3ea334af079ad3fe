import { useMemo, useState } from 'react';
import type { ReactNode } from 'react';
import type { ObservationRow } from '../../../../core/contract/index.ts';
import { hashOf } from '../../app/routes.ts';
import { useHost } from '../../bridge/client.ts';
import { useHostNow } from '../../lib/clock.ts';
import { asSentence, formatCount, formatMoment, formatSpan, plural } from '../../lib/format.ts';
import { useAction } from '../../lib/use-action.ts';
import { useHeld } from '../../lib/use-held.ts';
import { useServer } from '../../store/server.ts';
import { Button } from '../../ui/Button.tsx';
import { Confirm } from '../../ui/Dialog.tsx';
import { Empty } from '../../ui/Empty.tsx';
import { ExportMenu } from '../../ui/ExportMenu.tsx';
import { FailureNotice } from '../../ui/FailureNotice.tsx';
import { SelectField } from '../../ui/Field.tsx';
import { VirtualList } from '../../ui/VirtualList.tsx';
import styles from './Observations.module.css';
import { observationKey, selectObservations, valuesOf } from './select.ts';
import type { ObservationFilter } from './select.ts';

/** What profile `observe` has found: statements that would break behind a pooler in transaction mode. */
export function Observations(): ReactNode {
  const call = useHost();
  const all = useServer((state) => state.observations);
  const [filter, setFilter] = useState<ObservationFilter>({ endpoint: '', application: '' });
  const [clearing, setClearing] = useState(false);
  const { failure, run } = useAction();
  const live = useMemo(() => selectObservations(all, filter), [all, filter]);
  const byKey = useMemo(() => new Map(live.map((row) => [observationKey(row), row])), [live]);
  const held = useHeld(live, (rows) => rows.map(observationKey).join('\n'));
  return (
    <section className={styles.section} aria-label="Observations">
      <div className={styles.top}>
        <Choice
          label="Endpoint"
          all="All endpoints"
          values={valuesOf(all, 'endpoint')}
          value={filter.endpoint}
          onChange={(endpoint) => setFilter({ ...filter, endpoint })}
        />
        <Choice
          label="Application"
          all="All applications"
          values={valuesOf(all, 'application')}
          value={filter.application}
          onChange={(application) => setFilter({ ...filter, application })}
        />
        <span className={styles.count}>
          {live.length === all.length
            ? plural(all.length, 'observation')
            : `${formatCount(live.length)} of ${plural(all.length, 'observation')}`}
        </span>
        <div className={styles.actions}>
          {held.behind && (
            <Button small onClick={held.catchUp}>
              Show what has changed
            </Button>
          )}
          <ExportMenu what="observations" shown={() => live} all={() => all} />
          <Button small disabled={all.length === 0} onClick={() => setClearing(true)}>
            Clear…
          </Button>
        </div>
      </div>
      <FailureNotice failure={failure} />
      <div className={styles.frame} {...held.frame}>
        {held.shown.length === 0 ? (
          <Nothing filtered={all.length > 0} />
        ) : (
          <VirtualList
            label="Statements that would break"
            items={held.shown}
            keyOf={observationKey}
            rowPx={88}
            className={styles.list}
            focusable
          >
            {(row) => <Line row={byKey.get(observationKey(row)) ?? row} />}
          </VirtualList>
        )}
      </div>
      {clearing && (
        <Confirm
          title="Clear the observations?"
          consequence={`${plural(all.length, 'observation')} will be forgotten. What happens from now on is listed anew.`}
          action="Clear observations"
          onConfirm={() => {
            setClearing(false);
            run(() => call('observations.clear', {}));
          }}
          onCancel={() => setClearing(false)}
        />
      )}
    </section>
  );
}

interface ChoiceProps {
  label: string;
  all: string;
  values: readonly string[];
  value: string;
  onChange: (value: string) => void;
}

function Choice({ label, all, values, value, onChange }: ChoiceProps): ReactNode {
  // A filter that nothing fits any more stays what it is, and can be seen.
  const known = value === '' || values.includes(value) ? values : [...values, value];
  return (
    <div className={styles.choice}>
      <SelectField
        label={label}
        value={value}
        onChange={onChange}
        choices={[{ value: '', label: all }, ...known.filter((each) => each !== '').map((each) => ({ value: each, label: each }))]}
      />
    </div>
  );
}

function Line({ row }: { row: ObservationRow }): ReactNode {
  const now = useHostNow();
  return (
    <div className={styles.row}>
      <div className={styles.often}>
        <b>{formatCount(row.count)}</b> {row.count === 1 ? 'time' : 'times'}
        <span className={styles.soft} title={`first ${formatMoment(row.firstAt)}, last ${formatMoment(row.lastAt)}`}>
          first {formatSpan(now - row.firstAt)} ago
        </span>
        <span className={styles.soft}>last {formatSpan(now - row.lastAt)} ago</span>
      </div>
      <div className={styles.what}>
        <span>
          {asSentence(row.message)} <code className={styles.soft}>{row.code}</code>
        </span>
        <code className={styles.statement} title={row.statement}>
          {row.statement}
        </code>
        <span className={styles.soft}>
          {row.fix === null ? 'No other way to write it is known: strict keeps the server connection.' : `Instead: ${row.fix}`}
        </span>
      </div>
      <div className={styles.where}>
        <span>{row.endpoint}</span>
        <span className={styles.soft}>{row.application === '' ? 'unnamed' : row.application}</span>
      </div>
    </div>
  );
}

function Nothing({ filtered }: { filtered: boolean }): ReactNode {
  const observing = useServer((state) => state.endpoints)
    .filter((endpoint) => endpoint.poolMode === 'transaction' && endpoint.profile === 'observe')
    .map(({ id }) => id);
  if (filtered) return <Empty title="Nothing fits the filter">Choose other endpoints or applications.</Empty>;
  if (observing.length > 0) {
    return (
      <Empty title="Nothing observed yet" actions={<a href={hashOf('sessions')}>Watch the sessions</a>}>
        {observing.join(', ')} {observing.length === 1 ? 'is' : 'are'} observed: statements that would break behind a pooler in transaction
        mode are listed here as they come.
      </Empty>
    );
  }
  return (
    <Empty title="Nothing is observed" actions={<a href={hashOf('pools')}>Choose an endpoint</a>}>
      Set an endpoint to transaction mode and its profile to Observe: it then behaves like a plain transaction pooler, and every statement
      that needed more is listed here with what to write instead. Its clients may break while it does.
    </Empty>
  );
}
