import type { ReactNode } from 'react';
import { commandGroups, commands } from '../../../../core/contract/index.ts';
import type { Command } from '../../../../core/contract/index.ts';
import { keyWords } from '../../commands/key-words.ts';
import { prefer, usePreferences } from '../../store/preferences.ts';
import { Dialog, DialogBody } from '../../ui/Dialog.tsx';
import { Keys } from '../../ui/Keys.tsx';
import { Switch } from '../../ui/Switch.tsx';
import styles from './Palette.module.css';

/** Keys of the table of sessions itself: they move in it, and are no commands. */
const inTheTable: readonly [keys: readonly string[], words: string][] = [
  [['↑', '↓'], 'Move from row to row; with Shift the selection grows'],
  [['Page up', 'Page down', 'Home', 'End'], 'Move further'],
  [['Space'], 'Select or leave a row'],
];

/** Every command that has a key, by what it is about. */
export function KeysDialog({ onClose }: { onClose: () => void }): ReactNode {
  const singleKeys = usePreferences((state) => state.singleKeys);
  const table: readonly Command[] = commands;
  return (
    <Dialog
      title="Commands and keys"
      description="All commands are in the palette, too, and those about a session or an endpoint in its context menu."
      width={860}
      onClose={onClose}
    >
      <DialogBody>
        <Switch
          label="Single keys give commands (keys with Ctrl or Cmd always do)"
          checked={singleKeys}
          onChange={(on) => prefer({ singleKeys: on })}
        />
        <div className={styles.sheet}>
          {commandGroups.map((group) => {
            const shown = table.filter((command) => command.group === group && command.keys);
            return (
              shown.length > 0 && (
                <section key={group} className={styles.group} aria-label={group}>
                  <h3>{group}</h3>
                  <dl>
                    {shown.map((command) => (
                      <Line key={command.id} combinations={(command.keys ?? []).map(keyWords)} words={command.label} />
                    ))}
                  </dl>
                </section>
              )
            );
          })}
          <section className={styles.group} aria-label="In the table of sessions">
            <h3>In the table of sessions</h3>
            <dl>
              {inTheTable.map(([keys, words]) => (
                <Line key={words} combinations={keys.map((key) => [key])} words={words} />
              ))}
            </dl>
          </section>
        </div>
      </DialogBody>
    </Dialog>
  );
}

function Line({ combinations, words }: { combinations: readonly (readonly string[])[]; words: string }): ReactNode {
  return (
    <div className={styles.line}>
      <dt>{words}</dt>
      <dd>
        {combinations.map((combination) => (
          <Keys key={combination.join(' ')} words={combination} />
        ))}
      </dd>
    </div>
  );
}
