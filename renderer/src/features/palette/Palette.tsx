import { CommandEmpty, CommandGroup, CommandInput, CommandItem, CommandList, CommandRoot } from 'cmdk';
import { useMemo, useRef, useState } from 'react';
import type { ReactNode } from 'react';
import { commandOf } from '../../../../core/contract/index.ts';
import { useHost } from '../../bridge/client.ts';
import { situationNow } from '../../commands/registry.ts';
import { usePalette } from '../../store/palette.ts';
import type { OpenPalette } from '../../store/palette.ts';
import { Dialog } from '../../ui/Dialog.tsx';
import { Keys } from '../../ui/Keys.tsx';
import { byHeading, choices, search } from './entries.ts';
import type { Entry } from './entries.ts';
import styles from './Palette.module.css';

/** Finds a command, or somewhere to go, by typing a part of it. */
export function Palette({ open }: { open: OpenPalette }): ReactNode {
  const call = useHost();
  const [typed, setTyped] = useState('');
  const [chosen, setChosen] = useState<string | null>(null);
  const input = useRef<HTMLInputElement>(null);
  const after = useRef<(() => void) | null>(null);
  const { pick, pointed } = open;
  // As things are when something is typed: lines that move under the hand help nobody.
  const entries = useMemo(() => {
    const situation = situationNow(pointed);
    return pick === null ? search(typed, situation) : choices(pick, typed, situation);
  }, [typed, pick, pointed]);
  const first = entries.find((entry) => !entry.disabled)?.value ?? '';
  const value = chosen !== null && entries.some((entry) => entry.value === chosen) ? chosen : first;

  const take = (entry: Entry): void => {
    // What it opens is to give the focus back to where it was before the palette.
    after.current = () => entry.run({ call });
    usePalette.setState({ open: null });
  };

  return (
    <Dialog
      title={pick === null ? 'Find a command' : `${commandOf(pick).label.replace('…', '')}: which one?`}
      width={640}
      onClose={() => usePalette.setState({ open: null })}
      onClosed={() => after.current?.()}
      initialFocus={() => input.current}
    >
      <CommandRoot
        label={pick === null ? 'Commands' : commandOf(pick).label}
        shouldFilter={false}
        loop
        vimBindings={false}
        value={value}
        onValueChange={setChosen}
        className={styles.root}
      >
        <CommandInput
          ref={input}
          className={styles.input}
          aria-label={pick === null ? 'Search commands, sessions, endpoints and backends' : 'Search'}
          placeholder={pick === null ? 'A command, a session, an endpoint …' : 'A name'}
          value={typed}
          onValueChange={(text) => {
            setTyped(text);
            setChosen(null);
          }}
        />
        <CommandList className={styles.list} label="Results">
          <CommandEmpty className={styles.empty}>Nothing fits these words.</CommandEmpty>
          {byHeading(entries).map(([heading, group]) => (
            <CommandGroup key={heading} heading={heading} className={styles.section}>
              {group.map((entry) => (
                <CommandItem
                  key={entry.value}
                  value={entry.value}
                  disabled={entry.disabled}
                  className={styles.item}
                  onSelect={() => take(entry)}
                >
                  <span className={styles.label}>{entry.label}</span>
                  <span className={styles.detail}>{entry.detail}</span>
                  {entry.keys && <Keys words={entry.keys} />}
                </CommandItem>
              ))}
            </CommandGroup>
          ))}
        </CommandList>
      </CommandRoot>
    </Dialog>
  );
}
