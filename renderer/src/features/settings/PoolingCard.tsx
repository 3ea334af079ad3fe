import { Plus, Trash2 } from 'lucide-react';
import type { ReactNode } from 'react';
import { useServer } from '../../store/server.ts';
import { Button, IconButton } from '../../ui/Button.tsx';
import { ChoiceField, SelectField } from '../../ui/Field.tsx';
import { modeChoices, modeWords, profileChoices, profileWords } from '../pooling/words.ts';
import { Card } from './Card.tsx';
import styles from './Settings.module.css';
import type { Draft } from './draft.ts';
import { SETTINGS_FORM } from './form.ts';
import type { CardProps } from './form.ts';
import { NumberField } from './NumberField.tsx';
import { Restore } from './Restore.tsx';
import { edit } from './staged.ts';

type Props = Pick<CardProps, 'draft' | 'errors'>;
type Line = Draft['poolEndpoints'][number];

/** How server connections are shared, how many there may be, and how long they live. */
export function PoolingCard(props: Props): ReactNode {
  const { draft } = props;
  return (
    <Card id="pooling" when="at once">
      <p className={styles.soft}>
        A pool holds the server connections of one backend, database and role. Times are in seconds. What is applied here holds for open
        sessions too.
      </p>
      <ChoiceField
        label="Mode"
        aside={<Restore field="poolMode" draft={draft} words="session mode" />}
        value={draft.poolMode}
        onChange={(poolMode) => edit({ poolMode })}
        hint={modeWords[draft.poolMode]}
        choices={modeChoices}
      />
      <ChoiceField
        label="Profile of transaction mode"
        aside={<Restore field="poolProfile" draft={draft} words="strict" />}
        value={draft.poolProfile}
        onChange={(poolProfile) => edit({ poolProfile })}
        hint={profileWords[draft.poolProfile]}
        choices={profileChoices}
      />
      <Lines {...props} />
      <div className={styles.group}>
        <h3>Server connections</h3>
        <div className={styles.times}>
          <NumberField field="poolSize" label="Pool size" hint="Most of one pool." {...props} />
          <NumberField field="poolMin" label="Pool minimum" hint="Kept open while a client is there; 0: none." {...props} />
          <NumberField field="poolReserve" label="Reserve" hint="How many more in need; 0: none." {...props} />
          <NumberField field="poolReserveAfter" label="Reserve after" hint="Seconds that somebody has to wait before." {...props} />
          <NumberField field="poolPerBackend" label="Per backend" hint="Most of all its pools together; 0: no limit." {...props} />
          <NumberField
            field="poolLogins"
            label="Opened at once"
            hint="Most that are being opened at the same time, per pool; 1 to 100."
            {...props}
          />
        </div>
      </div>
      <div className={styles.group}>
        <h3>Waiting for one</h3>
        <div className={styles.times}>
          <NumberField field="poolWait" label="Longest wait" hint="Seconds, then the client gets an error; 0: no end." {...props} />
          <NumberField
            field="poolWaitNotice"
            label="Notice after"
            hint="Seconds until a client is told that it waits; 0: never."
            {...props}
          />
          <NumberField
            field="poolRetryAfter"
            label="Fail fast for"
            hint="Seconds that others are told a failed login’s error at once, when no connection is left; 0: not."
            {...props}
          />
        </div>
      </div>
      <div className={styles.group}>
        <h3>Age and health</h3>
        <div className={styles.times}>
          <NumberField field="poolIdle" label="Unused for" hint="Seconds, then it is closed; 0: never." {...props} />
          <NumberField field="poolLifetime" label="Lifetime" hint="Seconds, then it is closed once given back; 0: no end." {...props} />
          <NumberField field="poolCheck" label="Check after" hint="Seconds unused, then it is asked before use; 0: never." {...props} />
        </div>
        <ChoiceField
          label="A transaction whose client is gone"
          aside={<Restore field="abandoned" draft={draft} words="rollback" />}
          value={draft.abandoned}
          onChange={(abandoned) => edit({ abandoned })}
          hint={
            draft.abandoned === 'rollback'
              ? 'What it runs is cancelled, it is rolled back, and the server connection is kept.'
              : 'The server connection is closed; the server rolls it back.'
          }
          choices={[
            { value: 'rollback', label: 'Is rolled back' },
            { value: 'close', label: 'Closes the connection' },
          ]}
        />
      </div>
    </Card>
  );
}

/** The endpoints that are pooled in a way of their own. */
function Lines({ draft, errors }: Props): ReactNode {
  const ids = useServer((state) => state.endpoints).map(({ id }) => id);
  const lines = draft.poolEndpoints;
  const set = (index: number, change: Partial<Line>): void =>
    edit({ poolEndpoints: lines.map((each, at) => (at === index ? { ...each, ...change } : each)) });
  const free = ids.find((id) => lines.every(({ endpoint }) => endpoint !== id));
  return (
    <div className={styles.group}>
      <h3>Endpoints of their own mode</h3>
      {lines.length > 0 && (
        <ul className={styles.poolings} aria-label="Endpoints of their own mode">
          {lines.map((line, index) => (
            // oxlint-disable-next-line react/no-array-index-key -- a line is its place: two may say the same while being edited
            <li key={index}>
              <SelectField
                label={`Endpoint ${index + 1}`}
                form={SETTINGS_FORM}
                value={line.endpoint}
                error={errors[`pooling.endpoints.${index}.endpoint`] ?? null}
                onChange={(endpoint) => set(index, { endpoint })}
                choices={[...new Set([...ids, line.endpoint])].map((id) => ({
                  value: id,
                  label: ids.includes(id) ? id : `${id}, not in the map`,
                }))}
              />
              <SelectField
                label={`Mode ${index + 1}`}
                form={SETTINGS_FORM}
                value={line.mode}
                onChange={(value) => set(index, { mode: modeChoices.find((each) => each.value === value)?.value ?? line.mode })}
                choices={modeChoices}
              />
              <SelectField
                label={`Profile ${index + 1}`}
                form={SETTINGS_FORM}
                value={line.profile}
                onChange={(value) => set(index, { profile: profileChoices.find((each) => each.value === value)?.value ?? line.profile })}
                choices={profileChoices}
              />
              <IconButton
                label={`Remove the mode of ${line.endpoint}`}
                onClick={() => edit({ poolEndpoints: lines.filter((_, at) => at !== index) })}
              >
                <Trash2 size={15} aria-hidden="true" />
              </IconButton>
            </li>
          ))}
        </ul>
      )}
      <div>
        <Button
          small
          disabled={free === undefined}
          onClick={() => edit({ poolEndpoints: [...lines, { endpoint: free ?? '', mode: draft.poolMode, profile: draft.poolProfile }] })}
        >
          <Plus size={14} aria-hidden="true" />
          Add an endpoint
        </Button>
      </div>
    </div>
  );
}

/** Whether the desktop application serves its figures. */
export function MetricsCard(props: Props): ReactNode {
  return (
    <Card id="metrics" when="at once">
      <p className={styles.soft}>
        Figures for Prometheus, at /metrics on 127.0.0.1. The headless host has them on the port of its window anyway.
      </p>
      <div className={styles.times}>
        <NumberField
          field="metricsPort"
          label="Metrics port"
          placeholder="None"
          hint="For the desktop application. Empty: none; 0: any that is free."
          {...props}
        />
      </div>
    </Card>
  );
}
