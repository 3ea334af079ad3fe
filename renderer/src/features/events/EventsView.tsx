import { useEffect, useMemo, useRef, useState } from 'react';
import type { ReactNode } from 'react';
import { hashOf } from '../../app/routes.ts';
import { useHostNow } from '../../lib/clock.ts';
import { formatCount, plural } from '../../lib/format.ts';
import { Button } from '../../ui/Button.tsx';
import { Empty } from '../../ui/Empty.tsx';
import { ExportMenu } from '../../ui/ExportMenu.tsx';
import { Notice } from '../../ui/Notice.tsx';
import { EventFilter } from './EventFilter.tsx';
import { EventTable } from './EventTable.tsx';
import styles from './Events.module.css';
import { eventMatcher, withField } from './filter.ts';
import { groupEvents } from './group.ts';
import type { EventLine } from './group.ts';
import { useEventLog } from './use-log.ts';

/** Writes the filter into the address without a step in its history for every letter. */
function rewrite(q: string): void {
  window.history.replaceState(null, '', hashOf('events', q === '' ? {} : { q }));
  window.dispatchEvent(new HashChangeEvent('hashchange'));
}

/** What happened, newest first, in the host's words. `params`: `q`, the filter. */
export function EventsView({ params }: { params: URLSearchParams }): ReactNode {
  const q = params.get('q') ?? '';
  const { log, failure } = useEventLog();
  const now = useHostNow();
  // Only a filter that speaks of time has to be looked through again every second.
  const moment = /(last|from|to):/i.test(q) ? now : 0;
  const matching = useMemo(() => (q === '' ? log : log.filter(eventMatcher(q, moment))), [log, q, moment]);
  const live = useMemo(() => groupEvents(matching), [matching]);

  const frame = useRef<HTMLDivElement>(null);
  const [held, setHeld] = useState<{ q: string; lines: readonly EventLine[] } | null>(null);
  // What was held under another filter is of no use under this one.
  const kept = held !== null && held.q === q ? held.lines : null;
  const lines = kept ?? live;
  const newest = kept?.[0]?.entry.id ?? 0;
  const behind = kept === null ? 0 : live.filter(({ entry }) => entry.id > newest).length;
  const hold = (): void => setHeld({ q, lines: live });
  const follow = (): void => {
    setHeld(null);
    frame.current?.scrollTo({ top: 0 });
  };
  useEffect(() => {
    frame.current?.scrollTo({ top: 0 });
  }, [q]);
  const only = useMemo(() => (field: 'code' | 'session', value: string) => rewrite(withField(q, [field], [{ field, value }])), [q]);
  return (
    <div className={styles.view}>
      <div className={styles.top}>
        <h1>Events</h1>
        <span className={styles.soft}>{plural(live.length, 'event')}</span>
        {matching.length < log.length && <span className={styles.soft}>of {plural(log.length, 'line')}</span>}
        <span className={styles.right}>
          {kept === null ? (
            <Button small onClick={hold} title="New events are counted and not shown; scrolling down does the same">
              Stop following
            </Button>
          ) : (
            <Button small look={behind > 0 ? 'primary' : 'plain'} onClick={follow}>
              Follow{behind > 0 && `, ${formatCount(behind)} new`}
            </Button>
          )}
          <ExportMenu what="events" shown={() => matching.toReversed()} all={() => log.toReversed()} />
        </span>
      </div>
      <EventFilter text={q} onChange={rewrite} log={log} />
      {failure && (
        <Notice tone="warn" hint={failure.hint} live>
          Older events could not be fetched: {failure.message}
        </Notice>
      )}
      <div className={styles.frame}>
        {lines.length === 0 ? (
          <Empty
            title={log.length === 0 ? 'Nothing has happened yet' : 'No events of this kind'}
            actions={
              q === '' ? (
                <a href={hashOf('endpoints')}>Look at the endpoints</a>
              ) : (
                <Button onClick={() => rewrite('')}>Clear the filter</Button>
              )
            }
          >
            Lost backends, refused clients, changes of the map and moves are noted here.
          </Empty>
        ) : (
          <EventTable lines={lines} frame={frame} onTop={(isAtTop) => (isAtTop ? setHeld(null) : hold())} onOnly={only} />
        )}
      </div>
    </div>
  );
}
