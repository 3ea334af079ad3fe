import { Plus, Trash2 } from 'lucide-react';
import { useId } from 'react';
import type { ReactNode } from 'react';
import { useServer } from '../../store/server.ts';
import { Button, IconButton } from '../../ui/Button.tsx';
import { CheckField, TextField } from '../../ui/Field.tsx';
import { Card } from './Card.tsx';
import styles from './Settings.module.css';
import type { Draft } from './draft.ts';
import { carryOptionsShown } from './draft-moves.ts';
import { SETTINGS_FORM } from './form.ts';
import type { CardProps } from './form.ts';
import { NumberField } from './NumberField.tsx';
import { edit } from './staged.ts';

type Props = Pick<CardProps, 'draft' | 'errors'>;
type Group = Draft['balanceGroups'][number];

const carryWords: Record<(typeof carryOptionsShown)[number], string> = {
  advisoryLocks: 'Advisory locks: taken on the new server before they are given up on the old one.',
  heldCursors: 'Held cursors: their remaining rows are copied.',
  temporaryTables: 'Temporary tables: made anew, with their rows.',
  sequences: 'The last values of sequences: currval and lastval answer as before.',
};

/** What a move may take along, and how many go at once. */
export function MovesCard(props: Props): ReactNode {
  const { carry } = props.draft;
  return (
    <Card id="moves" when="for moves from then on">
      <fieldset className={styles.checks}>
        <legend>Carried along where an operation does not say otherwise</legend>
        {carryOptionsShown.map((option) => (
          <CheckField
            key={option}
            form={SETTINGS_FORM}
            label={carryWords[option]}
            checked={carry[option]}
            onChange={(event) => edit({ carry: { ...carry, [option]: event.target.checked } })}
          />
        ))}
      </fieldset>
      <p className={styles.soft}>
        What is not ticked refuses the move of a session that has it, with the reason. None is ticked by default.
      </p>
      <div className={styles.times}>
        <NumberField field="movesAtOnce" label="Prepared at once" hint="Moves that ask, dial and log in; 1 to 1,000." {...props} />
        <NumberField field="movesPerBackend" label="Of these per target" hint="Most at one target backend; 1 to 1,000." {...props} />
      </div>
    </Card>
  );
}

/** What becomes of sessions whose server goes away. */
export function ResurrectionCard(props: Props): ReactNode {
  const { resurrect } = props.draft;
  return (
    <Card id="resurrection" when="at once">
      <CheckField
        form={SETTINGS_FORM}
        label="Sessions outlive a restart of their server"
        checked={resurrect}
        onChange={(event) => edit({ resurrect: event.target.checked })}
      />
      <p className={styles.soft}>
        {resurrect
          ? 'In session mode, at a safe point: they wait for it and are set up anew. On by default.'
          : 'In session mode they end with their server’s connection. On by default.'}
      </p>
      <div className={styles.times}>
        <NumberField field="resurrectAfter" label="Looked at after" hint="Seconds a session must have been still." {...props} />
        <NumberField field="resurrectWithin" label="Waits at most" hint="Seconds for the server to come back, then it ends." {...props} />
      </div>
    </Card>
  );
}

/** Which endpoints stand for the same data, and how the numbers of their sessions are kept alike. */
export function BalancingCard(props: Props): ReactNode {
  const { draft, errors } = props;
  const ids = useServer((state) => state.endpoints).map(({ id }) => id);
  const groups = draft.balanceGroups;
  const set = (index: number, change: Partial<Group>): void =>
    edit({ balanceGroups: groups.map((each, at) => (at === index ? { ...each, ...change } : each)) });
  return (
    <Card id="balancing" when="from the next round on">
      <p className={styles.soft}>
        Moves sessions between endpoints that stand for the same data until their numbers are alike. Without a group it is off, which is the
        default.
      </p>
      {groups.length > 0 && (
        <ul className={styles.groups} aria-label="Balanced groups">
          {groups.map((group, index) => (
            // oxlint-disable-next-line react/no-array-index-key -- a group is its place: two may have one name while being edited
            <li key={index}>
              <div className={styles.groupHead}>
                <TextField
                  label={`Group ${index + 1}`}
                  form={SETTINGS_FORM}
                  maxLength={63}
                  value={group.name}
                  error={errors[`balancing.groups.${index}.name`] ?? null}
                  onChange={(event) => set(index, { name: event.target.value })}
                />
                <IconButton
                  label={`Remove group ${index + 1}`}
                  onClick={() => edit({ balanceGroups: groups.filter((_, at) => at !== index) })}
                >
                  <Trash2 size={15} aria-hidden="true" />
                </IconButton>
              </div>
              <Members
                label={`Endpoints of group ${index + 1}`}
                known={ids}
                chosen={group.endpoints}
                error={errors[`balancing.groups.${index}.endpoints`] ?? null}
                onChange={(endpoints) => set(index, { endpoints })}
              />
            </li>
          ))}
        </ul>
      )}
      <div>
        <Button
          small
          disabled={ids.length < 2}
          onClick={() => edit({ balanceGroups: [...groups, { name: `group-${groups.length + 1}`, endpoints: [] }] })}
        >
          <Plus size={14} aria-hidden="true" />
          Add a group
        </Button>
      </div>
      <div className={styles.times}>
        <NumberField field="balanceEvery" label="A round every" hint="Seconds; at least 15." {...props} />
        <NumberField field="balanceRate" label="Share moved per round" hint="Percent of what is too much, rounded up." {...props} />
        <NumberField field="balanceThreshold" label="Left alone within" hint="Percent that a backend may be off the average." {...props} />
        <NumberField field="balanceStay" label="Stays at least" hint="Seconds before a session is moved again." {...props} />
      </div>
    </Card>
  );
}

interface MembersProps {
  label: string;
  known: readonly string[];
  chosen: readonly string[];
  error: string | null;
  onChange: (endpoints: string[]) => void;
}

function Members({ label, known, chosen, error, onChange }: MembersProps): ReactNode {
  const id = useId();
  const offered = [...new Set([...known, ...chosen])];
  return (
    <fieldset className={styles.members} aria-describedby={error === null ? undefined : id}>
      <legend>{label}</legend>
      {offered.map((endpoint) => (
        <CheckField
          key={endpoint}
          form={SETTINGS_FORM}
          label={known.includes(endpoint) ? endpoint : `${endpoint}, not in the map`}
          checked={chosen.includes(endpoint)}
          aria-invalid={error !== null}
          onChange={(event) => onChange(event.target.checked ? [...chosen, endpoint] : chosen.filter((each) => each !== endpoint))}
        />
      ))}
      {error !== null && (
        <span id={id} className={styles.wrong}>
          {error}
        </span>
      )}
    </fieldset>
  );
}
