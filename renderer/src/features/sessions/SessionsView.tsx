import { Suspense, lazy, useRef } from 'react';
import type { ReactNode } from 'react';
import { nowhere } from '../../commands/situation.ts';
import { useCommand } from '../../commands/use-command.ts';
import { formatCount, plural } from '../../lib/format.ts';
import { useAction } from '../../lib/use-action.ts';
import { useServer } from '../../store/server.ts';
import { useView } from '../../store/view.ts';
import { Button } from '../../ui/Button.tsx';
import { ExportMenu } from '../../ui/ExportMenu.tsx';
import { FailureNotice } from '../../ui/FailureNotice.tsx';
import { useAddress } from './address.ts';
import { BulkBar } from './BulkBar.tsx';
import { ColumnChooser } from './ColumnChooser.tsx';
import { Drawer } from './Drawer.tsx';
import { FilterBar } from './FilterBar.tsx';
import { FreezeButton } from './FreezeButton.tsx';
import { Grid } from './Grid.tsx';
import { LiveNumbers } from './LiveNumbers.tsx';
import { NoSessions } from './NoSessions.tsx';
import { QuickFilters } from './QuickFilters.tsx';
import { SavedViews } from './SavedViews.tsx';
import styles from './Sessions.module.css';
import { useOrder } from './use-order.ts';

const FilterMenu = lazy(() => import('./FilterMenu.tsx').then((module) => ({ default: module.FilterMenu })));
const NoteDialog = lazy(() => import('./NoteDialog.tsx'));

/** The live table of sessions with its filter, its bulk actions and the drawer of one session. */
export function SessionsView(): ReactNode {
  const give = useCommand();
  const frozen = useView((state) => state.frozen);
  useAddress();
  const held = useRef(false);
  const order = useOrder(held);
  const filterInput = useRef<HTMLInputElement>(null);
  const filter = useView((state) => state.filter);
  const choosing = useView((state) => state.selected.size > 0);
  const filtering = useView((state) => state.filterMenu !== null);
  const noteOn = useView((state) => state.noteOn);
  const detail = useView((state) => state.detail);
  const total = useServer((state) => state.sessions.size);
  const known = useServer((state) => state.host !== null);
  const { failure, run, clear } = useAction();

  const empty = known && total === 0 && order.length === 0 && !frozen;
  return (
    <div className={styles.view}>
      <section className={styles.list} aria-labelledby="sessions-title">
        <div className={styles.top}>
          <h1 id="sessions-title">Sessions</h1>
          <LiveNumbers />
        </div>
        <div className={styles.bar}>
          <FilterBar input={filterInput} />
          <span className={styles.count}>
            {filter === '' ? plural(total, 'session') : `${formatCount(order.length)} of ${plural(total, 'session')}`}
          </span>
          <div className={styles.right}>
            <ExportMenu
              what="sessions"
              shown={() => order.flatMap((id) => (frozen ?? useServer.getState()).sessions.get(id) ?? [])}
              all={() => [...useServer.getState().sessions.values()]}
            />
            <SavedViews />
            <ColumnChooser />
            <FreezeButton />
          </div>
        </div>
        <QuickFilters />
        <FailureNotice failure={failure} onDismiss={clear} />
        <div className={styles.stage}>
          {empty ? (
            <div className={styles.empty}>
              <NoSessions />
            </div>
          ) : (
            <Grid order={order} held={held} />
          )}
          {!empty && order.length === 0 && filter !== '' && (
            <p className={styles.noMatch} role="status">
              No session matches the filter.
              <Button small onClick={() => useView.setState({ filter: '' })}>
                Show all
              </Button>
            </p>
          )}
          {detail !== null && (
            <Drawer key={detail} id={detail} onCloseSession={(id) => give('sessions.close', { ...nowhere, session: id, alone: true })} />
          )}
        </div>
        {!empty && (
          <div className={styles.foot}>
            <BulkBar order={order} run={run} />
            {!choosing && (
              <p className={styles.help}>
                <kbd>↑</kbd> <kbd>↓</kbd> move, <kbd>Space</kbd> selects a row or pauses the view, <kbd>Ctrl A</kbd> selects all,{' '}
                <kbd>Enter</kbd> opens details, <kbd>M</kbd> moves, <kbd>F</kbd> or <kbd>Alt</kbd> click filters by what a row says,{' '}
                <kbd>T</kbd> keeps on top, <kbd>G</kbd> flags, <kbd>N</kbd> notes, <kbd>/</kbd> filters
              </p>
            )}
          </div>
        )}
      </section>
      {filtering && (
        <Suspense fallback={null}>
          <FilterMenu />
        </Suspense>
      )}
      {noteOn !== null && (
        <Suspense fallback={null}>
          <NoteDialog key={noteOn} id={noteOn} />
        </Suspense>
      )}
    </div>
  );
}
