import { Columns3, Minus, Plus } from 'lucide-react';
import { useState } from 'react';
import type { ReactNode } from 'react';
import { Button, IconButton } from '../../ui/Button.tsx';
import { Popover } from '../../ui/Popover.tsx';
import { resetColumns, setColumnWidth, toggleColumn, useColumnChoice } from './column-choice.ts';
import { columns } from './columns.tsx';
import styles from './Pop.module.css';

const STEP_PX = 20;

/** Which columns the table has, and how wide: the way to their widths without a pointer, too. */
export function ColumnChooser(): ReactNode {
  const [open, setOpen] = useState(false);
  return (
    <Popover
      label="Columns"
      open={open}
      onOpenChange={setOpen}
      trigger={
        <>
          <Columns3 size={14} aria-hidden="true" />
          Columns
        </>
      }
    >
      <Inside />
    </Popover>
  );
}

function Inside(): ReactNode {
  const { shown, widths } = useColumnChoice();
  return (
    <div className={styles.inside}>
      <ul className={styles.list}>
        {columns.map(({ key, label, name, least }) => {
          const px = widths.get(key) ?? least;
          return (
            <li key={key} className={styles.line}>
              <label className={styles.check}>
                <input type="checkbox" checked={shown.has(key)} onChange={() => toggleColumn(key)} />
                {name ?? label}
              </label>
              {shown.has(key) && (
                <>
                  <IconButton label={`Narrower: ${label}`} onClick={() => setColumnWidth(key, px - STEP_PX)}>
                    <Minus size={14} aria-hidden="true" />
                  </IconButton>
                  <IconButton label={`Wider: ${label}`} onClick={() => setColumnWidth(key, px + STEP_PX)}>
                    <Plus size={14} aria-hidden="true" />
                  </IconButton>
                </>
              )}
            </li>
          );
        })}
      </ul>
      <Button onClick={resetColumns}>As at the beginning</Button>
    </div>
  );
}
