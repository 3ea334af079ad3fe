import { useId, useState } from 'react';
import type { ReactNode } from 'react';
import { endpointId } from '../../../../core/contract/index.ts';
import type { CallReply, EndpointDraft, ImportSource } from '../../../../core/contract/index.ts';
import { useHost } from '../../bridge/client.ts';
import { plural } from '../../lib/format.ts';
import { useAction } from '../../lib/use-action.ts';
import { useServer } from '../../store/server.ts';
import { Button } from '../../ui/Button.tsx';
import { Dialog, DialogBody, DialogFoot } from '../../ui/Dialog.tsx';
import { FailureNotice } from '../../ui/FailureNotice.tsx';
import { ChoiceField } from '../../ui/Field.tsx';
import { Notice } from '../../ui/Notice.tsx';
import styles from './ImportDialog.module.css';
import { stage, takenNames, useStagedMap } from './staged-map.ts';

const sources: readonly { value: ImportSource; label: string }[] = [
  { value: 'url', label: 'URLs' },
  { value: 'pgpass', label: 'Password file' },
  { value: 'service', label: 'Service file' },
];

const words: Record<ImportSource, { hint: string; example: string }> = {
  url: {
    hint: 'One per line: URLs, JDBC URLs, host=… dbname=…, or the lines of an .env file.',
    example: 'DATABASE_URL=postgresql://me:secret@localhost:5432/app',
  },
  pgpass: { hint: 'The lines of ~/.pgpass: host:port:database:user:password.', example: 'localhost:5432:app:me:secret' },
  service: { hint: 'The sections of ~/.pg_service.conf.', example: '[app]\nhost=localhost\nport=5432\ndbname=app\nuser=me' },
};

/** Reads endpoints from what is there already; those that are chosen are staged, nothing is mapped yet. */
export function ImportDialog({ onClose }: { onClose: () => void }): ReactNode {
  const call = useHost();
  const [source, setSource] = useState<ImportSource>('url');
  const [text, setText] = useState('');
  const [read, setRead] = useState<CallReply<'endpoints.import'> | null>(null);
  const [chosen, setChosen] = useState<ReadonlyMap<EndpointDraft, string>>(new Map());
  const { busy, failure, run } = useAction();
  const endpoints = useServer((state) => state.endpoints);
  const changes = useStagedMap((state) => state.changes);
  const id = useId();

  const importText = (from: string): void =>
    run(async () => {
      const reply = await call('endpoints.import', { source, text: from });
      // There were passwords in it.
      setText('');
      setRead(reply);
      const taken = takenNames(endpoints, changes, null);
      setChosen(new Map(reply.drafts.filter(({ mapped }) => mapped === null).map((draft) => [draft, freeName(draft.id, taken)])));
    });
  const names = [...chosen.values()];
  const taken = takenNames(endpoints, changes, null);
  const problemOf = (name: string): string | null => {
    if (!endpointId.safeParse(name).success) return 'Letters, digits, - and _, at most 63.';
    return taken.has(name) || names.filter((each) => each === name).length > 1 ? 'This name is taken.' : null;
  };
  const stageAll = (): void => {
    for (const [{ url, passwordFrom }, name] of chosen) {
      stage({ kind: 'save', id: name, url, ...(passwordFrom === null ? {} : { passwordFrom }) }, null);
    }
    onClose();
  };

  return (
    <Dialog
      title="Import endpoints"
      description="What is read is offered as drafts. Passwords go to Switchyard once and are not shown again."
      width={680}
      onClose={onClose}
    >
      <DialogBody>
        <ChoiceField
          label="From"
          value={source}
          choices={sources}
          onChange={(next) => {
            setSource(next);
            setRead(null);
          }}
          hint={words[source].hint}
        />
        {read === null ? (
          <div className={styles.paste}>
            <label className={styles.label} htmlFor={`${id}-text`}>
              Text
            </label>
            <textarea
              id={`${id}-text`}
              className={styles.text}
              rows={6}
              spellCheck={false}
              autoComplete="off"
              placeholder={words[source].example}
              value={text}
              onChange={(event) => setText(event.target.value)}
            />
            <label className={styles.file}>
              <span>or choose a file</span>
              <input
                type="file"
                onChange={(event) => {
                  const [file] = event.target.files ?? [];
                  if (file !== undefined) run(async () => importText(await file.text()));
                }}
              />
            </label>
          </div>
        ) : (
          <ul className={styles.drafts} aria-label="Drafts">
            {read.drafts.map((draft) => {
              const name = chosen.get(draft);
              const problem = name === undefined ? null : problemOf(name);
              return (
                <li key={draft.id} className={styles.draft}>
                  <input
                    type="checkbox"
                    aria-label={`Take ${draft.id}`}
                    checked={name !== undefined}
                    onChange={(event) => {
                      const next = new Map(chosen);
                      if (event.target.checked) next.set(draft, draft.id);
                      else next.delete(draft);
                      setChosen(next);
                    }}
                  />
                  <div className={styles.words}>
                    <input
                      className={styles.name}
                      aria-label={`Name of ${draft.id}`}
                      aria-invalid={problem !== null}
                      spellCheck={false}
                      disabled={name === undefined}
                      value={name ?? draft.id}
                      onChange={(event) => setChosen(new Map(chosen).set(draft, event.target.value))}
                    />
                    {problem !== null && <span className={styles.problem}>{problem}</span>}
                    <code className={styles.url} title={draft.url}>
                      {draft.url}
                    </code>
                    <span className={styles.soft}>
                      {[
                        ...(draft.mapped === null ? [] : [`${draft.mapped} points there already.`]),
                        draft.passwordFrom === null ? 'No password.' : 'Password read.',
                        ...draft.notes,
                      ].join(' ')}
                    </span>
                  </div>
                </li>
              );
            })}
          </ul>
        )}
        {read?.problems.map(({ line, message, hint }) => (
          <Notice key={`${line ?? ''} ${message}`} tone="warn" hint={hint}>
            {line === null ? '' : `Line ${line}: `}
            {message}
          </Notice>
        ))}
        <FailureNotice failure={failure} />
      </DialogBody>
      <DialogFoot>
        {read !== null && (
          <Button onClick={() => setRead(null)} style={{ marginRight: 'auto' }}>
            Read something else
          </Button>
        )}
        <Button onClick={onClose}>Cancel</Button>
        {read === null ? (
          <Button look="primary" disabled={busy || text.trim() === ''} onClick={() => importText(text)}>
            {busy ? 'Reading…' : 'Read drafts'}
          </Button>
        ) : (
          <Button look="primary" disabled={chosen.size === 0 || names.some((name) => problemOf(name) !== null)} onClick={stageAll}>
            Stage {plural(chosen.size, 'endpoint')}
          </Button>
        )}
      </DialogFoot>
    </Dialog>
  );
}

/** The host knows the map, but not what is staged here. */
function freeName(wanted: string, taken: Set<string>): string {
  let name = wanted;
  for (let count = 2; taken.has(name); count++) name = `${wanted.slice(0, 57)}-${count}`;
  taken.add(name);
  return name;
}
