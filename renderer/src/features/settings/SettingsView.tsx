import { useEffect, useState } from 'react';
import type { ReactNode } from 'react';
import type { SettingsView as HostSettings } from '../../../../core/contract/index.ts';
import { parseHash, useHash } from '../../app/routes.ts';
import { useHost } from '../../bridge/client.ts';
import { useAction } from '../../lib/use-action.ts';
import { useServer } from '../../store/server.ts';
import { Button } from '../../ui/Button.tsx';
import { FailureNotice } from '../../ui/FailureNotice.tsx';
import { Notice } from '../../ui/Notice.tsx';
import { AppearanceCard } from './AppearanceCard.tsx';
import { AuthenticationCard } from './AuthenticationCard.tsx';
import { DesktopCard } from './DesktopCard.tsx';
import { goToSection, Index } from './Index.tsx';
import { LimitsCard, TimesCard } from './LimitsCard.tsx';
import { ListeningCard } from './ListeningCard.tsx';
import { BalancingCard, MovesCard, ResurrectionCard } from './MovesCards.tsx';
import { MetricsCard, PoolingCard } from './PoolingCard.tsx';
import { RoutingCard } from './RoutingCard.tsx';
import styles from './Settings.module.css';
import { TlsCard } from './TlsCard.tsx';
import { draftOf, editedGroups, fieldOfRefusal, readDraft, withoutEmpty } from './draft.ts';
import type { Draft } from './draft.ts';
import { SETTINGS_FORM } from './form.ts';
import { discard, takeView, useStaged } from './staged.ts';

/** How clients may come in, and within which limits. Edits are staged and applied together; users and the local certificate at once. */
export function SettingsView(): ReactNode {
  const call = useHost();
  const view = useStaged((state) => state.view);
  const live = useServer((state) => state.feed === 'live');
  const { failure, run } = useAction();
  useEffect(() => {
    if (live) run(async () => takeView(await call('settings.get', {})));
  }, [call, live, run]);

  if (view !== null) return <Form view={view} />;
  return (
    <div className={styles.view}>
      <h1>Settings</h1>
      {failure && (
        <Notice
          tone="bad"
          hint={failure.hint}
          live
          actions={
            <Button small onClick={() => run(async () => takeView(await call('settings.get', {})))}>
              Try again
            </Button>
          }
        >
          {failure.message}
        </Notice>
      )}
    </div>
  );
}

function Form({ view }: { view: HostSettings }): ReactNode {
  const call = useHost();
  const staged = useStaged((state) => state.draft);
  const proxyPort = useServer((state) => state.host?.proxy.port ?? null);
  const { busy, failure, run, clear } = useAction();
  const base = draftOf(view.settings);
  const draft = staged ?? base;
  const read = readDraft(draft, proxyPort);
  const edited = editedGroups(draft, base);
  const [tries, setTries] = useState(0);
  const at = parseHash(useHash()).params.get('at');
  useEffect(() => {
    if (at !== null) goToSection(at);
  }, [at]);
  // What was not filled in yet is not held against anybody before they apply.
  const unfit = tries === 0 ? withoutEmpty(read.errors, draft) : read.errors;
  const wrong = Object.keys(unfit).length;
  /** What was sent last: a refusal stands at its field until that is changed. */
  const [sent, setSent] = useState<Draft | null>(null);
  const refused = failure?.code == null ? null : fieldOfRefusal(failure.code);
  const stands = refused !== null && sent?.[refused] === draft[refused];
  const errors = failure === null || !stands ? unfit : { [refused]: failure.message, ...unfit };
  useEffect(() => {
    if (tries > 0) document.querySelector<HTMLElement>('#settings-cards [aria-invalid="true"]')?.focus();
  }, [tries]);

  const apply = (): void => {
    if (!read.ok) return setTries((before) => before + 1);
    setTries(0);
    setSent(draft);
    run(async () => takeView(await call('settings.save', read.settings), true));
  };

  return (
    <div className={styles.view}>
      <form
        id={SETTINGS_FORM}
        className={styles.top}
        onSubmit={(event) => {
          event.preventDefault();
          if (edited.length > 0 && !busy) apply();
        }}
      >
        <h1>Settings</h1>
        <span className={styles.staged} role="status" data-testid="staged">
          {edited.length === 0 ? 'Nothing to apply' : `Not applied yet: ${edited.join(', ')}`}
          {wrong > 0 && <span className={styles.wrong}>; {wrong === 1 ? 'one field does' : `${wrong} fields do`} not fit</span>}
        </span>
        <Button
          disabled={edited.length === 0 || busy}
          onClick={() => {
            discard();
            clear();
            setTries(0);
          }}
        >
          Discard
        </Button>
        <Button type="submit" look="primary" disabled={edited.length === 0 || busy}>
          {busy ? 'Applying…' : 'Apply'}
        </Button>
      </form>
      <FailureNotice failure={failure} />
      {view.problems.length > 0 && (
        <Notice tone="warn" live>
          <ul className={styles.problems}>
            {view.problems.map((problem) => (
              <li key={problem}>{problem}</li>
            ))}
          </ul>
        </Notice>
      )}
      <p className={styles.soft}>
        From when on a group holds stands beside its name; sessions that are open stay open.{' '}
        {view.file === null ? 'Kept in memory only: gone when Switchyard ends.' : 'Kept in '}
        {view.file !== null && <code className={styles.path}>{view.file}</code>}
      </p>
      <div className={styles.indexed}>
        <Index edited={edited} errors={errors} />
        <div id="settings-cards" className={styles.columns}>
          <div className={styles.stack}>
            <ListeningCard />
            <TlsCard view={view} draft={draft} errors={errors} />
            <AuthenticationCard view={view} draft={draft} errors={errors} />
            <RoutingCard view={view} draft={draft} errors={errors} />
            <LimitsCard draft={draft} errors={errors} />
            <TimesCard draft={draft} errors={errors} />
            <AppearanceCard />
            <DesktopCard />
          </div>
          <div className={styles.stack}>
            <PoolingCard draft={draft} errors={errors} />
            <MovesCard draft={draft} errors={errors} />
            <ResurrectionCard draft={draft} errors={errors} />
            <BalancingCard draft={draft} errors={errors} />
            <MetricsCard draft={draft} errors={errors} />
          </div>
        </div>
      </div>
    </div>
  );
}
