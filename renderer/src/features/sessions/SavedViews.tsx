import { Bookmark, X } from 'lucide-react';
import { useState } from 'react';
import type { ReactNode } from 'react';
import { useView } from '../../store/view.ts';
import { Button, IconButton } from '../../ui/Button.tsx';
import { Popover } from '../../ui/Popover.tsx';
import { forgetView, saveView, showView, useSavedViews } from './saved-views.ts';
import styles from './Pop.module.css';

/** The saved views: one click shows one; what is shown now can be given a name. */
export function SavedViews(): ReactNode {
  const [open, setOpen] = useState(false);
  return (
    <Popover
      label="Saved views"
      open={open}
      onOpenChange={setOpen}
      trigger={
        <>
          <Bookmark size={14} aria-hidden="true" />
          Saved views
        </>
      }
    >
      <Inside onDone={() => setOpen(false)} />
    </Popover>
  );
}

function Inside({ onDone }: { onDone: () => void }): ReactNode {
  const views = useSavedViews((state) => state.views);
  const filter = useView((state) => state.filter);
  const [name, setName] = useState('');
  const replaces = views.some((view) => view.name === name.trim());
  return (
    <div className={styles.inside}>
      {views.length === 0 ? (
        <p className={styles.none}>None yet. A view is a filter and an order with a name, kept in this browser.</p>
      ) : (
        <ul className={styles.list}>
          {views.map((view) => (
            <li key={view.name} className={styles.line}>
              <button
                type="button"
                className={styles.choice}
                onClick={() => {
                  showView(view);
                  onDone();
                }}
              >
                <span className={styles.name}>{view.name}</span>
                <span className={styles.what}>{view.filter === '' ? 'all sessions' : view.filter}</span>
              </button>
              <IconButton label={`Forget ${view.name}`} onClick={() => forgetView(view.name)}>
                <X size={14} aria-hidden="true" />
              </IconButton>
            </li>
          ))}
        </ul>
      )}
      <form
        className={styles.form}
        onSubmit={(event) => {
          event.preventDefault();
          if (name.trim() === '') return;
          saveView(name);
          onDone();
        }}
      >
        <label className={styles.label}>
          Name for what is shown now{filter === '' ? '' : ` (${filter})`}
          <input className={styles.text} type="text" maxLength={60} value={name} onChange={(event) => setName(event.target.value)} />
        </label>
        <Button type="submit" disabled={name.trim() === ''}>
          {replaces ? 'Replace' : 'Save'}
        </Button>
      </form>
    </div>
  );
}
