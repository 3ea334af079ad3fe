import { RefreshCw } from 'lucide-react';
import { useMemo, useRef, useState } from 'react';
import type { ReactNode } from 'react';
import type { Verdict } from '../../../../core/contract/index.ts';
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
import { carryOf, mayMove, nothingAlong, offers } from './carry.ts';
import { CarryChoices } from './CarryChoices.tsx';
import { judge } from './group-verdicts.ts';
import styles from './Migrate.module.css';
import { countVerdicts, firstTarget, targetsFor } from './targets.ts';
import { usePreflight } from './use-preflight.ts';
import { GroupedVerdicts, Verdicts, verdictWords } from './Verdicts.tsx';
import { MANY, VerdictTools, inSight } from './VerdictTools.tsx';
import type { Sight } from './VerdictTools.tsx';

const DEFAULT_WAIT_S = 30;

const noVerdicts: readonly Verdict[] = [];

function close(): void {
  useView.setState({ migrate: null });
}

/** Choose a target, read the verdict per session, confirm. Progress is shown by the operation's panel, not here. */
export function MigrateDialog(): ReactNode {
  const call = useHost();
  const asked = useView((state) => state.migrate);
  const endpoints = useServer((state) => state.endpoints);
  const sessionIds = useMemo(() => asked?.sessionIds ?? [], [asked]);
  // Who is moved is fixed when the dialog opens; what they do meanwhile is the preflight's business.
  const chosen = useMemo(() => {
    const { sessions } = useServer.getState();
    return sessionIds.flatMap((id) => sessions.get(id) ?? []);
  }, [sessionIds]);
  const targets = useMemo(() => targetsFor(endpoints, chosen), [endpoints, chosen]);
  const [to, setTo] = useState(() => firstTarget(targets, asked?.to ?? null));
  const [seconds, setSeconds] = useState(String(DEFAULT_WAIT_S));
  const [round, setRound] = useState(0);
  const [along, setAlong] = useState(nothingAlong);
  // Sessions that are there already are left out: there is nothing to move.
  const backend = endpoints.find((endpoint) => endpoint.id === to)?.backend;
  const movers = useMemo(
    () => chosen.filter((row) => row.endpoint !== to || row.backend !== backend).map((row) => row.id),
    [chosen, to, backend],
  );
  const preflight = usePreflight(movers, to, round);
  const [sight, setSight] = useState<Sight>({ words: '', verdict: null, grouped: sessionIds.length > MANY });
  const [readyOnly, setReadyOnly] = useState(false);
  const form = useRef<HTMLFormElement>(null);
  const { busy, failure, run } = useAction();

  const verdicts = preflight.state === 'known' ? preflight.verdicts : noVerdicts;
  const judged = useMemo(() => judge(verdicts, chosen), [verdicts, chosen]);
  const counts = countVerdicts(verdicts);
  const onlyReady = readyOnly && counts.waits > 0;
  const movable = verdicts.filter((each) => mayMove(each, along) && !(onlyReady && each.verdict === 'waits')).map((each) => each.sessionId);
  const seen = useMemo(() => inSight(judged, sight), [judged, sight]);
  const List = sight.grouped ? GroupedVerdicts : Verdicts;
  const offered = offers(verdicts);
  const gone = preflight.state === 'known' ? movers.length - verdicts.length : 0;
  const there = to === null ? 0 : chosen.length - movers.length;
  const withinMs = millisecondsOf(seconds);
  const confirm = (): void => {
    if (to === null || movable.length === 0 || withinMs === null || busy) return;
    run(async () => {
      const carry = carryOf(along);
      const { operationId } = await call('migrate', {
        sessionIds: movable,
        to,
        withinMs,
        ...(carry === undefined ? {} : { carry }),
      });
      openPanel(operationId);
      close();
    });
  };

  const only = chosen.length === 1 ? chosen[0] : undefined;
  return (
    <Dialog
      title={only ? `Migrate session ${only.id}` : `Migrate ${plural(sessionIds.length, 'session')}`}
      description="Each client stays connected; its server side moves at the next safe point."
      width={680}
      onClose={close}
      initialFocus={() =>
        form.current?.querySelector<HTMLElement>('input[type="radio"]:checked') ??
        form.current?.querySelector<HTMLElement>('input[type="radio"]:enabled') ??
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
          <TargetChoices legend="To endpoint" targets={targets} chosen={to} onChoose={setTo} />

          <section aria-label="Preflight">
            <div className={styles.sum}>
              <h3>Preflight</h3>
              {preflight.state === 'known' && (
                <span className={styles.counts} role="status">
                  {(['ready', 'waits', 'refused'] as const).map((verdict) => (
                    <button
                      key={verdict}
                      type="button"
                      className={styles.tally}
                      aria-pressed={sight.verdict === verdict}
                      disabled={counts[verdict] === 0}
                      title={sight.verdict === verdict ? 'Show all verdicts' : 'Show only these verdicts'}
                      onClick={() => setSight({ ...sight, verdict: sight.verdict === verdict ? null : verdict })}
                    >
                      <Lamp tone={verdictWords[verdict].tone} shape={verdictWords[verdict].shape} />
                      {counts[verdict]} {verdictWords[verdict].words}
                    </button>
                  ))}
                  {there > 0 && <span>{there} there already</span>}
                  {gone > 0 && <span>{gone} closed meanwhile</span>}
                </span>
              )}
              <Button
                small
                look="quiet"
                disabled={to === null || preflight.state === 'asking'}
                onClick={() => setRound((before) => before + 1)}
              >
                <RefreshCw size={13} aria-hidden="true" />
                Check again
              </Button>
            </div>
            {sessionIds.length > 1 && <VerdictTools sight={sight} onChange={setSight} />}
            <ScrollRegion className={styles.verdicts} label="Verdict per session">
              {preflight.state === 'none' && <p className={styles.placeholder}>Choose where to, and each session is checked first.</p>}
              {preflight.state === 'asking' && <p className={styles.placeholder}>Checking {plural(movers.length, 'session')}…</p>}
              {preflight.state === 'failed' && (
                <Notice tone="bad" hint={preflight.failure.hint} live>
                  {preflight.failure.message}
                </Notice>
              )}
              {preflight.state === 'known' && <List judged={seen} />}
              {preflight.state === 'known' && judged.length > 0 && seen.length === 0 && (
                <p className={styles.placeholder}>None of the {plural(judged.length, 'verdict')} has that.</p>
              )}
            </ScrollRegion>
          </section>
          <CarryChoices offered={offered} along={along} onChange={setAlong} />
          {counts.waits > 0 && movable.length + counts.waits > 1 && (
            <label className={styles.tool}>
              <input type="checkbox" checked={readyOnly} onChange={(event) => setReadyOnly(event.target.checked)} />
              Only those that are ready now; {counts.waits === 1 ? 'the one that waits stays' : `the ${counts.waits} that wait stay`}
            </label>
          )}
          <FailureNotice failure={failure} />
        </DialogBody>
        <DialogFoot>
          <SecondsField words="Wait at most" value={seconds} fits={withinMs !== null} onChange={setSeconds} />
          <Button onClick={close}>Cancel</Button>
          <Button look="primary" type="submit" disabled={to === null || movable.length === 0 || withinMs === null || busy}>
            {confirmWords(preflight.state, movable.length, sessionIds.length)}
          </Button>
        </DialogFoot>
      </form>
    </Dialog>
  );
}

function confirmWords(state: string, movable: number, all: number): string {
  if (state !== 'known') return `Migrate ${plural(all, 'session')}`;
  if (movable === 0) return 'None can move';
  return movable === all ? `Migrate ${plural(all, 'session')}` : `Migrate ${movable} of ${plural(all, 'session')}`;
}
