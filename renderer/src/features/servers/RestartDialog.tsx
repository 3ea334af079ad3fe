import { useState } from 'react';
import type { ReactNode } from 'react';
import { useHost } from '../../bridge/client.ts';
import { plural } from '../../lib/format.ts';
import { millisecondsOf } from '../../lib/seconds.ts';
import { useAction } from '../../lib/use-action.ts';
import { useServer } from '../../store/server.ts';
import { openPanel } from '../../store/view.ts';
import { Button } from '../../ui/Button.tsx';
import { Dialog, DialogBody, DialogFoot } from '../../ui/Dialog.tsx';
import { FailureNotice } from '../../ui/FailureNotice.tsx';
import { SecondsField } from '../../ui/SecondsField.tsx';
import own from './Servers.module.css';

interface RestartDialogProps {
  backend: string;
  onClose: () => void;
}

/** Says what a restart under live sessions will be like, before it begins. */
export function RestartDialog({ backend, onClose }: RestartDialogProps): ReactNode {
  const call = useHost();
  const sessions = useServer((state) => state.sessions);
  const [wait, setWait] = useState('300');
  const { busy, failure, run } = useAction();
  const count = [...sessions.values()].filter((session) => session.backend === backend).length;
  const withinMs = millisecondsOf(wait);
  const confirm = (): void => {
    if (withinMs === null || busy) return;
    run(async () => {
      const { operationId } = await call('backend.restart', { backend, withinMs });
      openPanel(operationId);
      onClose();
    });
  };
  return (
    <Dialog
      title={`Restart ${backend}`}
      description="Clients stay connected while their server goes away and comes back."
      width={560}
      onClose={onClose}
    >
      <form
        style={{ display: 'contents' }}
        onSubmit={(event) => {
          event.preventDefault();
          confirm();
        }}
      >
        <DialogBody>
          <ol className={own.stages}>
            <li>Its {plural(count, 'session')} are held, each at its next safe point; what they send waits.</li>
            <li>You restart the server, once the panel says so.</li>
            <li>When it answers again, every session gets its settings and statements back and goes on.</li>
          </ol>
          <p>
            Sessions with temporary tables, held cursors or advisory locks would lose them: they are named, and nothing happens before they
            are through.
          </p>
          <FailureNotice failure={failure} />
        </DialogBody>
        <DialogFoot>
          <SecondsField words="Give up after" value={wait} fits={withinMs !== null} onChange={setWait} />
          <Button onClick={onClose}>Cancel</Button>
          <Button look="primary" type="submit" disabled={withinMs === null || busy}>
            Hold {plural(count, 'session')}
          </Button>
        </DialogFoot>
      </form>
    </Dialog>
  );
}
