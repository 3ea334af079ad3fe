import { useEffect, useState } from 'react';
import type { ReactNode } from 'react';
import type { DesktopSettings, DesktopView } from '../../../../core/contract/index.ts';
import { useHost } from '../../bridge/client.ts';
import { useAction } from '../../lib/use-action.ts';
import { FailureNotice } from '../../ui/FailureNotice.tsx';
import { ChoiceField } from '../../ui/Field.tsx';
import { Switch } from '../../ui/Switch.tsx';
import { Card } from './Card.tsx';
import styles from './Settings.module.css';

/** How the desktop application behaves; in a browser it says that there is none. */
export function DesktopCard(): ReactNode {
  const call = useHost();
  const { busy, failure, run } = useAction();
  /** Undefined until the host was asked. */
  const [view, setView] = useState<DesktopView | undefined>(undefined);
  useEffect(() => run(async () => setView((await call('shell.desktop', {})).desktop)), [call, run]);
  const save = (settings: DesktopSettings): void => run(async () => setView((await call('shell.saveDesktop', settings)).desktop));
  return (
    <Card id="desktop" when="at once">
      {view === null && (
        <p className={styles.soft}>This host runs without a desktop. The desktop application has a tray, notifications and links.</p>
      )}
      {view != null && (
        <>
          <ChoiceField
            label="Icon in the tray"
            value={view.settings.tray}
            onChange={(tray) => save({ ...view.settings, tray })}
            hint={trayHint(view)}
            choices={[
              { value: 'auto', label: 'Where there is one' },
              { value: 'on', label: 'Always' },
              { value: 'off', label: 'Never' },
            ]}
          />
          <Switch
            label="Notifications while another window has the focus"
            checked={view.settings.notifications}
            disabled={busy || !view.notificationsPossible}
            onChange={(notifications) => save({ ...view.settings, notifications })}
          />
          <p className={styles.soft}>
            {view.notificationsPossible
              ? 'Of a migration that has ended and of a backend that is lost, nothing else.'
              : 'This desktop shows no notifications.'}
          </p>
          <p className={styles.soft}>
            {view.links
              ? 'Links such as switchyard://endpoint/ep-a lead to their place in this window; they never change anything.'
              : 'Links that begin with switchyard: do not come to this application: the installer registers them.'}
          </p>
        </>
      )}
      <FailureNotice failure={failure} />
    </Card>
  );
}

function trayHint({ tray }: NonNullable<DesktopView>): string {
  if (tray.shown) return 'It is shown. Closing the last window leaves Switchyard serving; quit it from the tray or the menu.';
  return `It is not shown: ${tray.reason ?? ''} Closing the last window quits, and asks while sessions live.`;
}
