import { Search, TrainTrack } from 'lucide-react';
import { Suspense, lazy, useEffect, useRef, useState } from 'react';
import type { ReactNode } from 'react';
import { useHost } from '../../bridge/client.ts';
import { formatCount, plural } from '../../lib/format.ts';
import { useAction } from '../../lib/use-action.ts';
import { useServer } from '../../store/server.ts';
import { openMigrate, select, toggleFreeze, useView } from '../../store/view.ts';
import { Button } from '../../ui/Button.tsx';
import { Notice } from '../../ui/Notice.tsx';
import { Drawer } from './Drawer.tsx';
import { FreezeButton } from './FreezeButton.tsx';
import { Grid } from './Grid.tsx';
import { LiveNumbers } from './LiveNumbers.tsx';
import { NoSessions } from './NoSessions.tsx';
import styles from './Sessions.module.css';
import { useOrder } from './use-order.ts';

const Confirm = lazy(() => import('./Confirm.tsx'));

/** Whether a key belongs to the element it was pressed on rather than to the view. */
function ownsKeys(target: EventTarget | null): boolean {
  return target instanceof Element && target.closest('input, textarea, select, button, a, [role="row"], [role="dialog"]') !== null;
}

/** The live table of sessions with its filter, its bulk actions and the drawer of one session. */
export function SessionsView(): ReactNode {
  const call = useHost();
  const frozen = useView((state) => state.frozen);
  const held = useRef(false);
  const order = useOrder(held);
  const filterInput = useRef<HTMLInputElement>(null);
  const filter = useView((state) => state.filter);
  const selected = useView((state) => state.selected);
  const detail = useView((state) => state.detail);
  const total = useServer((state) => state.sessions.size);
  const known = useServer((state) => state.host !== null);
  const [closing, setClosing] = useState<readonly number[] | null>(null);
  const { failure, run, clear } = useAction();

  useEffect(() => {
    const onKeyDown = (event: KeyboardEvent): void => {
      if (event.ctrlKey || event.metaKey || event.altKey || ownsKeys(event.target)) return;
      if (event.key === ' ' || event.key.toLowerCase() === 'p') toggleFreeze();
      else if (event.key === '/') filterInput.current?.focus();
      else return;
      event.preventDefault();
    };
    window.addEventListener('keydown', onKeyDown);
    return () => window.removeEventListener('keydown', onKeyDown);
  }, []);

  const closeSessions = (ids: readonly number[]): void => {
    setClosing(null);
    run(() => Promise.all(ids.map((sessionId) => call('session.close', { sessionId }))));
  };

  const empty = known && total === 0 && order.length === 0 && !frozen;
  return (
    <div className={styles.view}>
      <section className={styles.list} aria-labelledby="sessions-title">
        <div className={styles.top}>
          <h1 id="sessions-title">Sessions</h1>
          <LiveNumbers />
        </div>
        <div className={styles.bar}>
          <div className={styles.filter}>
            <Search size={14} aria-hidden="true" />
            <input
              ref={filterInput}
              type="search"
              aria-label="Filter sessions"
              placeholder="Filter: any word, or user:bob state:idle"
              value={filter}
              onChange={(event) => useView.setState({ filter: event.target.value })}
              onKeyDown={(event) => {
                if (event.key === 'Escape') useView.setState({ filter: '' });
                if (event.key !== 'ArrowDown') return;
                event.preventDefault();
                document.querySelector<HTMLElement>('[role="row"][tabindex="0"]')?.focus();
              }}
            />
          </div>
          <FreezeButton />
          <span className={styles.count}>
            {filter === '' ? plural(total, 'session') : `${formatCount(order.length)} of ${plural(total, 'session')}`}
          </span>
          <div className={styles.right} role="group" aria-label="Actions on the selection">
            <span className={styles.count} data-testid="selected-count">
              {selected.size === 0 ? 'None selected' : `${formatCount(selected.size)} selected`}
            </span>
            <Button disabled={selected.size === 0} onClick={() => select([], null)} look="quiet">
              Clear
            </Button>
            <Button disabled={selected.size === 0} onClick={() => setClosing([...selected])}>
              Close…
            </Button>
            <Button look="primary" disabled={selected.size === 0} onClick={() => openMigrate([...selected])}>
              <TrainTrack size={15} aria-hidden="true" />
              Migrate to…
            </Button>
          </div>
        </div>
        {failure && (
          <Notice
            tone="bad"
            hint={failure.hint}
            live
            actions={
              <Button small onClick={clear}>
                Dismiss
              </Button>
            }
          >
            {failure.message}
          </Notice>
        )}
        <div className={styles.stage}>
          {empty ? (
            <div className={styles.empty}>
              <NoSessions />
            </div>
          ) : (
            <Grid order={order} held={held} />
          )}
          {detail !== null && <Drawer key={detail} id={detail} onCloseSession={(id) => setClosing([id])} />}
        </div>
        {!empty && (
          <p className={styles.help}>
            <kbd>↑</kbd> <kbd>↓</kbd> move, <kbd>Space</kbd> selects a row or pauses the view, <kbd>Ctrl A</kbd> selects all,{' '}
            <kbd>Enter</kbd> opens details, <kbd>M</kbd> migrates, <kbd>/</kbd> filters
          </p>
        )}
      </section>
      {closing && (
        <Suspense fallback={null}>
          <Confirm
            title={closing.length === 1 ? `Close session ${closing[0]}?` : `Close ${plural(closing.length, 'session')}?`}
            consequence="Each client gets the error 57P01 and loses its connection; a transaction that is open is rolled back. To move clients without an error, migrate them instead."
            action={`Close ${plural(closing.length, 'session')}`}
            onConfirm={() => closeSessions(closing)}
            onCancel={() => setClosing(null)}
          />
        </Suspense>
      )}
    </div>
  );
}
