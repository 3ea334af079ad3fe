import { useRef, useState } from 'react';
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
import { Notice } from '../../ui/Notice.tsx';
import { SecondsField } from '../../ui/SecondsField.tsx';
import { TargetChoices } from '../endpoints/TargetChoice.tsx';
import own from './Servers.module.css';
import { drainTargets, endpointsAt } from './words.ts';

interface DrainDialogProps {
  backend: string;
  onClose: () => void;
}

/** Where the sessions of a server go, how long they may take, and what becomes of those that do not move by then. */
export function DrainDialog({ backend, onClose }: DrainDialogProps): ReactNode {
  const call = useHost();
  const endpoints = useServer((state) => state.endpoints);
  const sessions = useServer((state) => state.sessions);
  const targets = drainTargets(endpoints, backend);
  const [to, setTo] = useState(() => (targets.find((target) => target.status === 'up') ?? targets[0])?.id ?? null);
  const [wait, setWait] = useState('60');
  const [ends, setEnds] = useState(false);
  const form = useRef<HTMLFormElement>(null);
  const { busy, failure, run } = useAction();
  const count = [...sessions.values()].filter((session) => session.backend === backend).length;
  const withinMs = millisecondsOf(wait);
  const fits = to !== null && withinMs !== null;
  const confirm = (): void => {
    if (to === null || withinMs === null || busy) return;
    run(async () => {
      const { operationId } = await call('backend.drain', { backend, to, withinMs, forceAfterMs: ends ? withinMs : null });
      openPanel(operationId);
      onClose();
    });
  };
  return (
    <Dialog
      title={`Drain ${backend}`}
      description={`Its ${plural(count, 'session')} move at their next safe points, and its new clients go along, until you end the drain or undo it.`}
      width={600}
      onClose={onClose}
      initialFocus={() => form.current?.querySelector<HTMLElement>('input[type="radio"]:checked') ?? null}
    >
      <form
        ref={form}
        style={{ display: 'contents' }}
        onSubmit={(event) => {
          event.preventDefault();
          confirm();
        }}
      >
        <DialogBody>
          {targets.length === 0 ? (
            <Notice tone="warn">There is no other server to go to. Add an endpoint that points at one first.</Notice>
          ) : (
            <TargetChoices legend="To endpoint" targets={targets.map((each) => ({ endpoint: each }))} chosen={to} onChoose={setTo} />
          )}
          {to !== null && (
            <p>
              Until the drain ends, clients that ask for {endpointsAt(endpoints, backend)} are served by {to}.
            </p>
          )}
          <label className={own.choice}>
            <input type="checkbox" checked={ends} onChange={(event) => setEnds(event.target.checked)} />
            <span>
              End the sessions that have not moved by then
              <span className={own.hint}>
                Their clients get an error that says why (57P01), at the end of a message, and what they have open is rolled back.
              </span>
            </span>
          </label>
          <FailureNotice failure={failure} />
        </DialogBody>
        <DialogFoot>
          <SecondsField words="Wait at most" value={wait} fits={withinMs !== null} onChange={setWait} />
          <Button onClick={onClose}>Cancel</Button>
          <Button look={ends ? 'danger' : 'primary'} type="submit" disabled={!fits || busy}>
            Drain {plural(count, 'session')}
          </Button>
        </DialogFoot>
      </form>
    </Dialog>
  );
}
