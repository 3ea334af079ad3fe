import { useRef, useState } from 'react';
import type { ReactNode } from 'react';
import { useHost } from '../../bridge/client.ts';
import { formatCount, plural } from '../../lib/format.ts';
import { useAction } from '../../lib/use-action.ts';
import { useServer } from '../../store/server.ts';
import { openMigrate, select, useView } from '../../store/view.ts';
import { Button } from '../../ui/Button.tsx';
import { FailureNotice } from '../../ui/FailureNotice.tsx';
import { PointMenu } from '../../ui/PointMenu.tsx';
import { FirstSteps } from '../onboarding/FirstSteps.tsx';
import { FreezeButton } from '../sessions/FreezeButton.tsx';
import { LiveNumbers } from '../sessions/LiveNumbers.tsx';
import { DrainDialog } from '../servers/DrainDialog.tsx';
import { RestartDialog } from '../servers/RestartDialog.tsx';
import { actionsFor } from './actions.tsx';
import { Desk } from './Desk.tsx';
import { nodeOf, titleOf } from './nodes.ts';
import { NoClients } from './NoClients.tsx';
import { Stage } from './Stage.tsx';
import type { MenuRequest } from './Stage.tsx';
import { useFrames } from './watch.ts';
import styles from './Yard.module.css';

/** The live map: clients on the left, endpoints between, backends on the right, and what moves between them. */
export function YardView(): ReactNode {
  const known = useServer((state) => state.host !== null);
  const endpoints = useServer((state) => state.endpoints.length);
  if (!known) return null;
  if (endpoints === 0) {
    return (
      <div className={styles.view}>
        <h1>Yard</h1>
        <div className={styles.first}>
          <FirstSteps />
        </div>
      </div>
    );
  }
  return <LiveYard />;
}

function LiveYard(): ReactNode {
  const call = useHost();
  const frame = useFrames();
  const { yard, rates } = frame;
  const [picked, setPicked] = useState<string | null>(null);
  const [menu, setMenu] = useState<MenuRequest | null>(null);
  const [draining, setDraining] = useState<string | null>(null);
  const [restarting, setRestarting] = useState<string | null>(null);
  const opener = useRef<Element | null>(null);
  const { failure, run, clear } = useAction();
  const node = picked === null ? null : nodeOf(picked, yard, []);
  const openMenu = (request: MenuRequest): void => {
    opener.current = document.activeElement;
    setMenu(request);
  };
  return (
    <div className={styles.view}>
      <div className={styles.top}>
        <h1>Yard</h1>
        <LiveNumbers />
      </div>
      <div className={styles.bar}>
        <FreezeButton />
        <span className={styles.soft}>
          {frame.server.sessions.size === 0
            ? 'No sessions'
            : `${plural(frame.server.sessions.size, 'session')} of ${plural(yard.groups.length, 'application')}`}{' '}
          on {plural(yard.backends.length, 'backend')}
        </span>
        <Selection />
      </div>
      <FailureNotice failure={failure} onDismiss={clear} />
      <Stage frame={frame} picked={picked} onPick={setPicked} onMenu={openMenu} noClients={<NoClients />} />
      <Desk
        node={node}
        yard={yard}
        rates={rates}
        onMenu={(button) => {
          const box = button.getBoundingClientRect();
          if (node) openMenu({ node, at: { x: box.left, y: box.top } });
        }}
        onClose={() => setPicked(null)}
      />
      {menu && (
        <PointMenu
          label={`Actions on ${titleOf(menu.node)}`}
          groups={actionsFor(menu.node, yard, {
            drain: setDraining,
            endDrain: (backend) => run(() => call('backend.undrain', { backend })),
            restart: setRestarting,
          })}
          at={menu.at}
          returnFocus={() => opener.current instanceof HTMLElement && opener.current.focus()}
          onClose={() => setMenu(null)}
        />
      )}
      {draining !== null && <DrainDialog backend={draining} onClose={() => setDraining(null)} />}
      {restarting !== null && <RestartDialog backend={restarting} onClose={() => setRestarting(null)} />}
    </div>
  );
}

function Selection(): ReactNode {
  const selected = useView((state) => state.selected);
  if (selected.size === 0) return null;
  return (
    <div className={styles.right} role="group" aria-label="Actions on the selection">
      <span className={styles.soft}>{formatCount(selected.size)} selected</span>
      <Button look="quiet" onClick={() => select([], null)}>
        Clear
      </Button>
      <Button look="primary" onClick={() => openMigrate([...selected])}>
        Move to…
      </Button>
    </div>
  );
}
