import type { ReactNode } from 'react';
import { prefer, usePreferences } from '../../store/preferences.ts';
import { ChoiceField } from '../../ui/Field.tsx';
import { Switch } from '../../ui/Switch.tsx';
import { Card } from './Card.tsx';
import styles from './Settings.module.css';

const motionHints = {
  system: 'Things move unless the desktop asks for less motion.',
  on: 'Things move, whatever the desktop asks for.',
  off: 'Nothing moves by itself.',
} as const;

/** How this window looks; kept in this browser, unknown to the host. */
export function AppearanceCard(): ReactNode {
  const theme = usePreferences((state) => state.theme);
  const motion = usePreferences((state) => state.motion);
  const density = usePreferences((state) => state.density);
  const singleKeys = usePreferences((state) => state.singleKeys);
  return (
    <Card id="appearance" when="at once, in this window">
      <ChoiceField
        label="Colours"
        value={theme}
        onChange={(chosen) => prefer({ theme: chosen })}
        hint={theme === 'system' ? 'As the desktop has it, and changing with it.' : 'Whatever the desktop has.'}
        choices={[
          { value: 'system', label: 'As the desktop' },
          { value: 'light', label: 'Day' },
          { value: 'dark', label: 'Night' },
        ]}
      />
      <ChoiceField
        label="Motion"
        value={motion}
        onChange={(chosen) => prefer({ motion: chosen })}
        hint={motionHints[motion]}
        choices={[
          { value: 'system', label: 'As the desktop asks' },
          { value: 'on', label: 'Moving' },
          { value: 'off', label: 'Still' },
        ]}
      />
      <ChoiceField
        label="Rows of tables"
        value={density}
        onChange={(chosen) => prefer({ density: chosen })}
        hint={density === 'compact' ? 'More rows in sight.' : 'Easier to hit.'}
        choices={[
          { value: 'comfortable', label: 'Comfortable' },
          { value: 'compact', label: 'Compact' },
        ]}
      />
      <Switch label="Keys without Ctrl, Cmd or Alt give commands" checked={singleKeys} onChange={(on) => prefer({ singleKeys: on })} />
      <p className={styles.soft}>
        Outside of fields only; press ? for all of them. Off, they do nothing: for voice control, or against slips.
      </p>
    </Card>
  );
}
