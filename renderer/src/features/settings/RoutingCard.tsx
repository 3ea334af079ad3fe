import { Plus, Trash2 } from 'lucide-react';
import type { ReactNode } from 'react';
import type { SettingsView } from '../../../../core/contract/index.ts';
import { useServer } from '../../store/server.ts';
import { Button, IconButton } from '../../ui/Button.tsx';
import { ChoiceField, SelectField, TextField } from '../../ui/Field.tsx';
import { Lamp } from '../../ui/Lamp.tsx';
import styles from './Settings.module.css';
import type { Draft } from './draft.ts';
import { SETTINGS_FORM } from './form.ts';
import type { CardProps } from './form.ts';
import { edit } from './staged.ts';

type Wanted = Draft['listeners'][number];

/** Ports of their own for endpoints, and what becomes of clients that name an unknown one. */
export function RoutingCard({ view, draft, errors }: CardProps): ReactNode {
  const endpoints = useServer((state) => state.endpoints);
  const ids = endpoints.map(({ id }) => id);
  const set = (index: number, change: Partial<Wanted>): void =>
    edit({ listeners: draft.listeners.map((each, at) => (at === index ? { ...each, ...change } : each)) });
  return (
    <section className={styles.card} aria-labelledby="routing-title">
      <h2 id="routing-title">Routing</h2>
      <ChoiceField
        label="A client that names an unknown endpoint"
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
                <Real listener={listener} view={view} />
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
    </section>
  );
}

/** What became of a listener: its real port, or why it has none. */
function Real({ listener, view }: { listener: Wanted; view: SettingsView }): ReactNode {
  const wanted = Number(listener.port);
  const applied = view.settings.listeners.some(({ endpoint, port }) => endpoint === listener.endpoint && port === wanted);
  const real = view.listeners.find(({ endpoint, port }) => endpoint === listener.endpoint && (wanted === 0 || port === wanted));
  if (!applied || !real) return <span className={styles.real}>{applied ? 'not listening' : 'not applied yet'}</span>;
  return (
    <span className={styles.real}>
      <Lamp tone={real.problem === null ? 'good' : 'bad'} shape={real.problem === null ? 'full' : 'cross'} />
      <span className={real.problem === null ? undefined : styles.wrong}>{real.problem ?? `listens on ${real.port}`}</span>
    </span>
  );
}
