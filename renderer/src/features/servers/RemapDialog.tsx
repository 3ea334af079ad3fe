import { useMemo, useRef, useState } from 'react';
import type { ReactNode } from 'react';
import type { EndpointRow, Verdict } from '../../../../core/contract/index.ts';
import { useHost } from '../../bridge/client.ts';
import { plural } from '../../lib/format.ts';
import { millisecondsOf } from '../../lib/seconds.ts';
import { useAction } from '../../lib/use-action.ts';
import { useServer } from '../../store/server.ts';
import { openPanel, useView } from '../../store/view.ts';
import { Button } from '../../ui/Button.tsx';
import { Dialog, DialogBody, DialogFoot } from '../../ui/Dialog.tsx';
import { FailureNotice } from '../../ui/FailureNotice.tsx';
import { Lamp } from '../../ui/Lamp.tsx';
import { Notice } from '../../ui/Notice.tsx';
import { SecondsField } from '../../ui/SecondsField.tsx';
import { ScrollRegion } from '../../ui/ScrollRegion.tsx';
import { TargetChoices } from '../endpoints/TargetChoice.tsx';
import { carryOf, mayMove, nothingAlong, offers } from '../migrate/carry.ts';
import { CarryChoices } from '../migrate/CarryChoices.tsx';
import { judge } from '../migrate/group-verdicts.ts';
import styles from '../migrate/Migrate.module.css';
import { countVerdicts } from '../migrate/targets.ts';
import { usePreflight } from '../migrate/use-preflight.ts';
import { Verdicts, verdictWords } from '../migrate/Verdicts.tsx';

const noVerdicts: readonly Verdict[] = [];

function close(): void {
  useView.setState({ remap: null });
}

/** Points an endpoint at another server: which one, what its sessions say to that, and how long they may take to follow. */
export function RemapDialog(): ReactNode {
  const asked = useView((state) => state.remap);
  const endpoint = useServer((state) => state.endpoints.find((each) => each.id === asked?.endpoint));
  if (!asked) return null;
  if (!endpoint) {
    return (
      <Dialog title={`Point ${asked.endpoint} elsewhere`} onClose={close}>
        <DialogBody>
          <Notice tone="warn">The endpoint {asked.endpoint} has been removed meanwhile.</Notice>
        </DialogBody>
        <DialogFoot>
          <Button onClick={close}>Close</Button>
        </DialogFoot>
      </Dialog>
    );
  }
  return <Remap endpoint={endpoint} asked={asked.to} />;
}

function Remap({ endpoint, asked }: { endpoint: EndpointRow; asked: string | null }): ReactNode {
  const call = useHost();
  const endpoints = useServer((state) => state.endpoints);
  const targets = endpoints.filter((each) => each.backend !== endpoint.backend);
  const [to, setTo] = useState(() => {
    const up = targets.filter((target) => target.status !== 'down');
    return targets.find((target) => target.id === asked)?.id ?? (up.length === 1 ? (up[0]?.id ?? null) : null);
  });
  const [seconds, setSeconds] = useState('60');
  const [along, setAlong] = useState(nothingAlong);
  const form = useRef<HTMLFormElement>(null);
  const { busy, failure, run } = useAction();
  const target = targets.find((each) => each.id === to);
  // Who is asked is fixed when a target is chosen; those that come until the endpoint is pointed elsewhere follow all the same.
  const movers = useMemo(() => {
    const all = [...useServer.getState().sessions.values()];
    return all.filter((row) => row.endpoint === endpoint.id && row.backend !== target?.backend);
  }, [endpoint.id, target?.backend]);
  const ids = useMemo(() => movers.map((row) => row.id), [movers]);
  const preflight = usePreflight(ids, to, 0);
  const verdicts = preflight.state === 'known' ? preflight.verdicts : noVerdicts;
  const judged = useMemo(() => judge(verdicts, movers), [verdicts, movers]);
  const counts = countVerdicts(verdicts);
  const staying = verdicts.filter((each) => !mayMove(each, along)).length;
  const offered = offers(verdicts);
  const withinMs = millisecondsOf(seconds);
  const confirm = (): void => {
    if (to === null || withinMs === null || busy) return;
    run(async () => {
      const carry = carryOf(along);
      const { operationId } = await call('endpoints.remap', {
        endpoint: endpoint.id,
        to,
        withinMs,
        ...(carry === undefined ? {} : { carry }),
      });
      openPanel(operationId);
      close();
    });
  };
  return (
    <Dialog
      title={`Point ${endpoint.id} elsewhere`}
      description={`It leads to ${endpoint.backend} now. New clients go to the other server at once; its sessions follow, each at its next safe point.`}
      width={680}
      onClose={close}
      initialFocus={() =>
        form.current?.querySelector<HTMLElement>('input[type="radio"]:checked') ??
        form.current?.querySelector<HTMLElement>('input[type="radio"]') ??
        null
      }
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
            <Notice tone="warn">There is no other server to point it at. Add an endpoint that leads to one first.</Notice>
          ) : (
            <TargetChoices
              legend="At the server of endpoint"
              targets={targets.map((each) => ({ endpoint: each }))}
              chosen={to}
              onChoose={setTo}
            />
          )}
          {target && (
            <p>
              {endpoint.id} takes over its server, database {target.database}, role {target.user === '' ? "the client's own" : target.user}
              {target.passwordSet ? ' and password' : ''}.
            </p>
          )}
          <section aria-label="Preflight">
            <div className={styles.sum}>
              <h3>Preflight</h3>
              {preflight.state === 'known' && (
                <span className={styles.counts} role="status">
                  {(['ready', 'waits', 'refused'] as const).map((verdict) => (
                    <span key={verdict} className={styles.how}>
                      <Lamp tone={verdictWords[verdict].tone} shape={verdictWords[verdict].shape} />
                      {counts[verdict]} {verdictWords[verdict].words}
                    </span>
                  ))}
                </span>
              )}
              <span />
            </div>
            <ScrollRegion className={styles.verdicts} label="Verdict per session">
              {to === null && <p className={styles.placeholder}>Choose a server, and each session is checked first.</p>}
              {to !== null && ids.length === 0 && (
                <p className={styles.placeholder}>The endpoint has no session to move: only new clients are concerned.</p>
              )}
              {preflight.state === 'asking' && <p className={styles.placeholder}>Checking {plural(ids.length, 'session')}…</p>}
              {preflight.state === 'failed' && (
                <Notice tone="bad" hint={preflight.failure.hint} live>
                  {preflight.failure.message}
                </Notice>
              )}
              {preflight.state === 'known' && <Verdicts judged={judged} />}
            </ScrollRegion>
          </section>
          <CarryChoices offered={offered} along={along} onChange={setAlong} />
          {staying > 0 && (
            <Notice tone="warn">
              {plural(staying, 'session')} cannot move as {staying === 1 ? 'it is' : 'they are'}: tried again until the time is over, and
              left on {endpoint.backend} then.
            </Notice>
          )}
          <FailureNotice failure={failure} />
        </DialogBody>
        <DialogFoot>
          <SecondsField words="Wait at most" value={seconds} fits={withinMs !== null} onChange={setSeconds} />
          <Button onClick={close}>Cancel</Button>
          <Button look="primary" type="submit" disabled={to === null || withinMs === null || busy || preflight.state === 'asking'}>
            {ids.length === 0 ? `Point ${endpoint.id} there` : `Point ${endpoint.id} there, move ${plural(ids.length, 'session')}`}
          </Button>
        </DialogFoot>
      </form>
    </Dialog>
  );
}
