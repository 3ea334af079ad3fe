import { ChevronDown, ChevronRight } from 'lucide-react';
import { memo, useRef } from 'react';
import type { ReactNode } from 'react';
import type { SessionRow } from '../../../../core/contract/index.ts';
import { cx } from '../../lib/cx.ts';
import { formatCount, plural } from '../../lib/format.ts';
import { useView } from '../../store/view.ts';
import { Lamp } from '../../ui/Lamp.tsx';
import { useDragSessions } from '../drag/use-drag.ts';
import { BackendMark } from '../endpoints/BackendMark.tsx';
import { states } from '../sessions/states.ts';
import { LISTED } from './drawing.ts';
import { countStates, nameOf } from './model.ts';
import type { Group } from './model.ts';
import { Hit } from './Hit.tsx';
import { Name } from './Name.tsx';
import { groupKey, REST, sessionKey } from './nodes.ts';
import styles from './Nodes.module.css';
import { placeOf, useStage } from './stage-context.ts';

interface ClientsProps {
  groups: readonly Group[];
  rest: readonly Group[];
  expanded: ReadonlySet<string>;
  onToggle: (application: string) => void;
}

/** The left column: clients by application, and the sessions of those that are open. */
export const Clients = memo(function Clients({ groups, rest, expanded, onToggle }: ClientsProps): ReactNode {
  return (
    <div role="tree" aria-label="Clients by application" aria-multiselectable="true">
      {groups.map((group) => (
        <GroupNode key={group.application} group={group} open={expanded.has(group.application)} onToggle={onToggle} />
      ))}
      {rest.length > 0 && <RestNode groups={rest} />}
    </div>
  );
});

function stateWords(sessions: readonly SessionRow[]): string {
  return countStates(sessions)
    .map(({ state, count }) => `${count} ${state}`)
    .join(', ');
}

function States({ sessions }: { sessions: readonly SessionRow[] }): ReactNode {
  return (
    <span className={styles.states} title={stateWords(sessions)}>
      {countStates(sessions).map(({ state, count }) => (
        <span key={state} className={styles.state}>
          <Lamp tone={states[state].tone} shape={states[state].shape} />
          {formatCount(count)}
        </span>
      ))}
    </span>
  );
}

function idsOf(sessions: readonly SessionRow[]): number[] {
  return sessions.map((session) => session.id);
}

function useSelected(sessions: readonly SessionRow[]): 'all' | 'some' | 'none' {
  return useView(({ selected }) => {
    if (selected.size === 0) return 'none';
    const count = sessions.reduce((sum, session) => sum + Number(selected.has(session.id)), 0);
    return count === 0 ? 'none' : count === sessions.length ? 'all' : 'some';
  });
}

function GroupNode({ group, open, onToggle }: { group: Group; open: boolean; onToggle: (application: string) => void }): ReactNode {
  const stage = useStage();
  const key = groupKey(group.application);
  const head = useRef<HTMLDivElement>(null);
  useDragSessions(head, idsOf(group.sessions));
  const selected = useSelected(group.sessions);
  const name = nameOf(group.application);
  const listed = group.sessions.slice(0, LISTED);
  const Chevron = open ? ChevronDown : ChevronRight;
  return (
    <div
      data-pick={key}
      className={cx(styles.node, selected === 'all' && styles.selected, stage.lit?.has(key) === false && styles.dim)}
      style={placeOf(key, stage)}
    >
      <div ref={head} className={styles.head}>
        <Hit
          of={key}
          label={`${name}, ${plural(group.sessions.length, 'session')}: ${stateWords(group.sessions)}`}
          expanded={open}
          selected={selected === 'all'}
        />
        <div className={styles.drawn} aria-hidden="true">
          <button
            type="button"
            tabIndex={-1}
            className={styles.chevron}
            title={`${open ? 'Hide' : 'List'} the sessions of ${name}`}
            onClick={(event) => {
              event.stopPropagation();
              onToggle(group.application);
            }}
          >
            <Chevron size={15} aria-hidden="true" />
          </button>
          <Name soft={group.application === ''}>{name}</Name>
          <span className={styles.count}>{formatCount(group.sessions.length)}</span>
          <States sessions={group.sessions} />
          {selected !== 'none' && <span className={styles.tick}>{selected === 'all' ? 'selected' : 'some selected'}</span>}
        </div>
      </div>
      {open && (
        <div className={styles.children}>
          {listed.map((session) => (
            <SessionNode key={session.id} session={session} />
          ))}
          {group.sessions.length > LISTED && (
            <div aria-hidden="true" className={styles.others}>
              +{formatCount(group.sessions.length - LISTED)} more, see Sessions
            </div>
          )}
        </div>
      )}
    </div>
  );
}

function SessionNode({ session }: { session: SessionRow }): ReactNode {
  const key = sessionKey(session.id);
  const ref = useRef<HTMLDivElement>(null);
  useDragSessions(ref, [session.id]);
  const selected = useView((state) => state.selected.has(session.id));
  const look = states[session.transfer ? 'migrating' : session.state];
  const words = session.transfer ? `${session.transfer.phase} for ${session.transfer.to}` : look.words;
  return (
    <div
      ref={ref}
      data-pick={key}
      className={cx(styles.session, selected && styles.selected)}
      title={`Session ${session.id}, user ${session.user}, ${session.endpoint} on ${session.backend}: ${session.state}`}
    >
      <Hit of={key} label={`Session ${session.id}, ${session.state}, on ${session.backend}`} level={2} selected={selected} />
      <span className={styles.sessionLine} aria-hidden="true">
        <Lamp tone={look.tone} shape={look.shape} />
        <span className={styles.id}>{session.id}</span>
        <span className={styles.words}>{words}</span>
        <BackendMark backend={session.backend} />
      </span>
    </div>
  );
}

function RestNode({ groups }: { groups: readonly Group[] }): ReactNode {
  const stage = useStage();
  const ref = useRef<HTMLDivElement>(null);
  const sessions = groups.flatMap((group) => group.sessions);
  useDragSessions(ref, idsOf(sessions));
  return (
    <div
      ref={ref}
      data-pick={REST}
      className={cx(styles.node, styles.rest, stage.lit?.has(REST) === false && styles.dim)}
      style={placeOf(REST, stage)}
    >
      <Hit
        of={REST}
        label={`${plural(groups.length, 'more application')}, ${plural(sessions.length, 'session')}: ${stateWords(sessions)}`}
      />
      <div className={styles.head} aria-hidden="true">
        <span className={styles.chevron}>
          <ChevronRight size={15} />
        </span>
        <Name>{`+${plural(groups.length, 'application')}`}</Name>
        <span className={styles.count}>{formatCount(sessions.length)}</span>
        <States sessions={sessions} />
      </div>
    </div>
  );
}
