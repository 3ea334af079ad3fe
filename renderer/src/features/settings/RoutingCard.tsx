import { Plus, Trash2 } from 'lucide-react';
import type { ReactNode } from 'react';
import type { SettingsView } from '../../../../core/contract/index.ts';
import { useServer } from '../../store/server.ts';
import { Button, IconButton } from '../../ui/Button.tsx';
import { ChoiceField, SelectField, TextField } from '../../ui/Field.tsx';
import { Lamp } from '../../ui/Lamp.tsx';
import { Card } from './Card.tsx';
import styles from './Settings.module.css';
import type { Draft } from './draft.ts';
import { SETTINGS_FORM } from './form.ts';
import type { CardProps } from './form.ts';
import { Restore } from './Restore.tsx';
import { edit } from './staged.ts';

type Wanted = Draft['listeners'][number];

/** Ports of their own for endpoints, and what becomes of clients that name an unknown one. */
export function RoutingCard({ view, draft, errors }: CardProps): ReactNode {
  const endpoints = useServer((state) => state.endpoints);
  const ids = endpoints.map(({ id }) => id);
  const set = (index: number, change: Partial<Wanted>): void =>
    edit({ listeners: draft.listeners.map((each, at) => (at === index ? { ...each, ...change } : each)) });
  return (
    <Card id="routing" when="to new clients; ports: at once">
      <ChoiceField
        label="A client that names an unknown endpoint"
        aside={<Restore field="unknownEndpoint" draft={draft} />}
        value={draft.unknownEndpoint}
        onChange={(unknownEndpoint) => edit({ unknownEndpoint })}
        hint={
          draft.unknownEndpoint === 'default'
            ? 'It is served by the default; its row in Sessions carries a mark.'
            : 'It is refused, and told which names there are.'
        }
        choices={[
          { value: 'default', label: 'Gets the default' },
          { value: 'refuse', label: 'Is refused' },
        ]}
      />
      <div className={styles.group}>
        <h3>Ports of their own</h3>
        <p className={styles.soft}>For clients that can set nothing but host and port. Port 0 takes any that is free.</p>
        {draft.listeners.length > 0 && (
          <ul className={styles.listeners} aria-label="Ports of their own">
            {draft.listeners.map((listener, index) => (
              // oxlint-disable-next-line react/no-array-index-key -- a line is its place: two may say the same while being edited
              <li key={index}>
                <SelectField
                  label={`Endpoint of port ${index + 1}`}
                  form={SETTINGS_FORM}
                  value={listener.endpoint}
                  error={errors[`listeners.${index}.endpoint`] ?? null}
                  onChange={(endpoint) => set(index, { endpoint })}
                  choices={[...new Set([...ids, listener.endpoint])].map((id) => ({
                    value: id,
                    label: id === '' ? 'Choose…' : ids.includes(id) ? id : `${id}, not in the map`,
                  }))}
                />
                <TextField
                  label={`Port ${index + 1}`}
                  inputMode="numeric"
                  form={SETTINGS_FORM}
                  value={listener.port}
                  error={errors[`listeners.${index}.port`] ?? null}
                  onChange={(event) => set(index, { port: event.target.value })}
                />
                <IconButton
                  label={`Remove port ${index + 1}`}
                  onClick={() => edit({ listeners: draft.listeners.filter((_, at) => at !== index) })}
                >
                  <Trash2 size={15} aria-hidden="true" />
                </IconButton>
                <Real listener={listener} index={index} view={view} />
              </li>
            ))}
          </ul>
        )}
        <div>
          <Button
            small
            disabled={ids.length === 0}
            onClick={() => edit({ listeners: [...draft.listeners, { endpoint: ids[0] ?? '', port: '0' }] })}
          >
            <Plus size={14} aria-hidden="true" />
            Add a port
          </Button>
        </div>
      </div>
    </Card>
  );
}

/** What became of a listener: its real port, or why it has none. The host tells it in the order of the settings at work. */
function Real({ listener, index, view }: { listener: Wanted; index: number; view: SettingsView }): ReactNode {
  const same = (each: { endpoint: string; port: number } | undefined): boolean =>
    each?.endpoint === listener.endpoint && each.port === Number(listener.port);
  // Its own place first: two lines may say the same.
  const place = same(view.settings.listeners[index]) ? index : view.settings.listeners.findIndex(same);
  if (place < 0) return <span className={styles.real}>not applied yet</span>;
  const { port, problem } = view.listeners[place] ?? { port: 0, problem: 'It does not listen.' };
  return (
    <span className={styles.real}>
      <Lamp tone={problem === null ? 'good' : 'bad'} shape={problem === null ? 'full' : 'cross'} />
      <span className={problem === null ? undefined : styles.wrong}>{problem ?? `listens on ${port}`}</span>
    </span>
  );
}
