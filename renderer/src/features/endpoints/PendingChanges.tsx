import { useEffect, useState } from 'react';
import type { ReactNode } from 'react';
import type { ChangeEffect } from '../../../../core/contract/index.ts';
import { useHost } from '../../bridge/client.ts';
import { plural } from '../../lib/format.ts';
import { failureOf, useAction } from '../../lib/use-action.ts';
import type { Failure } from '../../lib/use-action.ts';
import { useServer } from '../../store/server.ts';
import { openMigrate } from '../../store/view.ts';
import { Button } from '../../ui/Button.tsx';
import { Lamp } from '../../ui/Lamp.tsx';
import { Notice } from '../../ui/Notice.tsx';
import { BackendMark } from './BackendMark.tsx';
import styles from './PendingChanges.module.css';
import { changeTitle, unstage, useStagedMap } from './staged-map.ts';
import type { StagedChange } from './staged-map.ts';
import { useConnectionTest } from './use-connection-test.ts';
import { useMapEdit } from './use-map-edit.ts';

/** After the last edit, and at most so often while sessions come and go, milliseconds. */
const PREVIEW_AFTER_MS = 150;

/** Edits that were staged: what each would do, who stays behind, whether its server answers; all of them are applied, or none. */
export function PendingChanges({ onEdit }: { onEdit: (staged: StagedChange) => void }): ReactNode {
  const changes = useStagedMap((state) => state.changes);
  const edit = useMapEdit();
  const { busy, failure, run, clear } = useAction();
  const { effects, failure: unknown } = usePreview(changes);
  if (changes.length === 0) return null;
  const refused = effects?.filter(({ problem }) => problem !== null).length ?? 0;
  const apply = (): void => {
    const keys = changes.map(({ key }) => key);
    run(async () => {
      await edit(changes.map(({ change }) => change));
      unstage(keys);
    });
  };
  return (
    <section className={styles.pending} aria-labelledby="pending-title">
      <div className={styles.head}>
        <h2 id="pending-title">{plural(changes.length, 'pending change')}</h2>
        <span className={styles.soft} role="status">
          {refused > 0
            ? `${plural(refused, 'change')} cannot be done: nothing is applied until that is settled.`
            : 'Nothing has changed yet. All of them are applied at once, or none.'}
        </span>
        <div className={styles.buttons}>
          <Button
            onClick={() => {
              clear();
              unstage();
            }}
          >
            Discard
          </Button>
          <Button look="primary" disabled={busy || effects === null || refused > 0} onClick={apply}>
            {busy ? 'Applying…' : `Apply ${plural(changes.length, 'change')}`}
          </Button>
        </div>
      </div>
      {[failure, unknown].map(
        (each) =>
          each && (
            <Notice key={each.message} tone="bad" hint={each.hint} live>
              {each.message}
            </Notice>
          ),
      )}
      <ul>
        {changes.map((staged, index) => (
          <PendingChange key={staged.key} staged={staged} effect={effects?.[index] ?? null} onEdit={() => onEdit(staged)} />
        ))}
      </ul>
    </section>
  );
}

/** What the host says the edits would do; asked again when they, the map, or the sessions on it change. */
function usePreview(changes: readonly StagedChange[]): { effects: readonly ChangeEffect[] | null; failure: Failure | null } {
  const call = useHost();
  const map = useServer((state) =>
    changes.length === 0 ? '' : state.endpoints.map(({ id, backend, sessions }) => `${id} ${backend} ${sessions}`).join('\n'),
  );
  const [shown, setShown] = useState<{ of: typeof changes; effects: readonly ChangeEffect[] | null; failure: Failure | null } | null>(null);
  useEffect(() => {
    if (changes.length === 0) return;
    let stale = false;
    const timer = setTimeout(() => {
      call('endpoints.apply', { changes: changes.map(({ change }) => change), dryRun: true }).then(
        ({ effects }) => {
          if (!stale) setShown({ of: changes, effects, failure: null });
        },
        (error: unknown) => {
          if (!stale) setShown({ of: changes, effects: null, failure: failureOf(error) });
        },
      );
    }, PREVIEW_AFTER_MS);
    return () => {
      stale = true;
      clearTimeout(timer);
    };
  }, [call, changes, map]);
  return shown !== null && shown.of === changes ? shown : { effects: null, failure: null };
}

interface PendingChangeProps {
  staged: StagedChange;
  /** Null: not known yet. */
  effect: ChangeEffect | null;
  onEdit: () => void;
}

function PendingChange({ staged, effect, onEdit }: PendingChangeProps): ReactNode {
  const { change } = staged;
  const title = changeTitle(staged);
  return (
    <li className={styles.change} aria-label={title}>
      <div className={styles.words}>
        <div className={styles.title}>
          {title}
          {effect?.backend != null && <BackendMark backend={effect.backend} />}
        </div>
        {effect === null ? <p className={styles.soft}>Looking at what it does…</p> : effect.does.map((words) => <p key={words}>{words}</p>)}
        {effect !== null && effect.does.length === 0 && effect.problem === null && <p className={styles.soft}>It changes nothing.</p>}
        {effect !== null && effect.stranded.length > 0 && (
          <p className={styles.line}>
            <Lamp tone="warn" shape="half" />
            {plural(effect.stranded.length, 'session')} {effect.stranded.length === 1 ? 'stays' : 'stay'} on the former backend until you
            move
            {effect.stranded.length === 1 ? ' it' : ' them'}: that is offered afterwards.
          </p>
        )}
        {effect?.problem != null && (
          <Notice
            tone="bad"
            hint={effect.problem.hint}
            actions={
              effect.blockers.length > 0 && (
                <Button small onClick={() => openMigrate(effect.blockers)}>
                  Move {plural(effect.blockers.length, 'session')}…
                </Button>
              )
            }
          >
            {effect.problem.message}
          </Notice>
        )}
        {change.kind === 'save' && <ServerTest staged={staged} />}
      </div>
      <div className={styles.buttons}>
        {change.kind === 'save' && (
          <Button small onClick={onEdit} aria-label={`Edit: ${title}`}>
            Edit
          </Button>
        )}
        <Button small onClick={() => unstage([staged.key])} aria-label={`Drop: ${title}`}>
          Drop
        </Button>
      </div>
    </li>
  );
}

/** Whether the server that a change points at answers. Not asked where it is the one that the map has already. */
function ServerTest({ staged: { of, change } }: { staged: StagedChange }): ReactNode {
  const mapped = useServer((state) => state.endpoints.find(({ id }) => id === of)?.url);
  const save = change.kind === 'save' && (change.url !== mapped || change.password !== undefined) ? change : null;
  const { busy, found } = useConnectionTest(
    save === null
      ? null
      : {
          url: save.url,
          ...(save.password === undefined ? {} : { password: save.password }),
          ...(save.passwordFrom === undefined ? {} : { passwordFrom: save.passwordFrom }),
          ...(of === null || mapped === undefined ? {} : { id: of }),
        },
    0,
  );
  if (save === null) return null;
  if (found === null) return <p className={styles.soft}>{busy ? 'Testing the connection…' : 'The connection is tested next.'}</p>;
  return (
    <p className={styles.line}>
      <Lamp tone={found.ok ? 'good' : 'bad'} shape={found.ok ? 'full' : 'cross'} />
      <span>
        {found.message}
        {found.hint !== null && <span className={styles.soft}> {found.hint}</span>}
      </span>
    </p>
  );
}
