import { Copy, Flag, PinIcon, TrainTrack } from 'lucide-react';
import type { ReactNode } from 'react';
import { useHost } from '../../bridge/client.ts';
import { useCommand } from '../../commands/use-command.ts';
import { commandOf } from '../../../../core/contract/index.ts';
import { formatCount, plural } from '../../lib/format.ts';
import { toggleFlag, toggleTop, useMarks } from '../../store/marks.ts';
import { useServer } from '../../store/server.ts';
import { openMigrate, select, useView } from '../../store/view.ts';
import { Button, IconButton } from '../../ui/Button.tsx';
import { Menu } from '../../ui/Menu.tsx';
import styles from './BulkBar.module.css';

/** As what the sessions can be copied: commands of the registry. */
const copies = ['copy.psql', 'copy.url', 'copy.environment', 'copy.json', 'copy.markdown', 'copy.table'] as const;

interface BulkBarProps {
  /** What the filter finds, in the table's order. */
  order: readonly number[];
  /** Work whose failure is to be shown. */
  run: (work: () => Promise<unknown>) => void;
}

/** What can be done with the sessions that are selected. It has a place of its own under the table and covers no row. */
export function BulkBar({ order, run }: BulkBarProps): ReactNode {
  const call = useHost();
  const give = useCommand();
  const selected = useView((state) => state.selected);
  const { top, flagged } = useMarks();
  const live = useServer((state) => order.reduce((sum, id) => sum + (state.sessions.has(id) ? 1 : 0), 0));
  if (selected.size === 0) return null;
  const ids = [...selected];
  const shown = new Set(order);
  const hidden = ids.filter((id) => !shown.has(id)).length;
  const isTop = ids.every((id) => top.has(id));
  const isFlagged = ids.every((id) => flagged.has(id));
  const more = live > ids.length - hidden;
  return (
    <div className={styles.bar} role="group" aria-label="Actions on the selection">
      <span className={styles.count} role="status">
        <span data-testid="selected-count">{formatCount(ids.length)} selected</span>
        {hidden > 0 && <span className={styles.hidden}>, {formatCount(hidden)} of them not in sight of the filter</span>}
      </span>
      <Button look="primary" onClick={() => openMigrate(ids)}>
        <TrainTrack size={15} aria-hidden="true" />
        Move to…
      </Button>
      <Button
        title="Cancels what each of them runs, or its wait for a server connection; they stay connected"
        onClick={() => run(() => Promise.all(ids.map((sessionId) => call('session.cancel', { sessionId }))))}
      >
        Cancel statements
      </Button>
      <Button look="danger" onClick={() => give('sessions.close')}>
        End…
      </Button>
      <Menu
        label="Copy as…"
        items={copies.map((id) => ({
          label: commandOf(id).label,
          hint: '',
          icon: <Copy size={14} aria-hidden="true" />,
          onChoose: () => give(id),
        }))}
      >
        <Copy size={14} aria-hidden="true" />
        Copy as…
      </Menu>
      <IconButton label={isTop ? 'Let go from the top' : 'Keep on top'} aria-pressed={isTop} onClick={() => toggleTop(ids)}>
        <PinIcon size={15} aria-hidden="true" />
      </IconButton>
      <IconButton label={isFlagged ? 'Take the flag away' : 'Flag'} aria-pressed={isFlagged} onClick={() => toggleFlag(ids)}>
        <Flag size={15} aria-hidden="true" />
      </IconButton>
      {more && (
        <Button look="quiet" onClick={() => selectLive(order)}>
          Select all {plural(live, 'match', 'matches')}
        </Button>
      )}
      <Button look="quiet" onClick={() => select([], null)}>
        Clear
      </Button>
    </div>
  );
}

/** Selects the sessions of an order that live. */
export function selectLive(order: readonly number[]): void {
  const { sessions } = useServer.getState();
  select(
    order.filter((id) => sessions.has(id)),
    null,
  );
}
