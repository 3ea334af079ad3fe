import { X } from 'lucide-react';
import type { ReactNode } from 'react';
import { formatBytes, formatCount, formatShort, plural } from '../../lib/format.ts';
import { Button, IconButton } from '../../ui/Button.tsx';
import { Lamp } from '../../ui/Lamp.tsx';
import { states } from '../sessions/states.ts';
import { showSessions, startMove } from './actions.tsx';
import styles from './Desk.module.css';
import { nameOf } from './model.ts';
import type { Yard } from './model.ts';
import { sessionsOf, titleOf } from './nodes.ts';
import type { YardNode } from './nodes.ts';
import { clientKey, serverKey, sumOf } from './traffic.ts';
import type { Rates } from './traffic.ts';

interface DeskProps {
  node: YardNode | null;
  yard: Yard;
  rates: Rates;
  onMenu: (button: HTMLElement) => void;
  onClose: () => void;
}

const kinds: Record<YardNode['kind'], string> = {
  group: 'Application',
  session: 'Session',
  rest: 'Applications',
  endpoint: 'Endpoint',
  backend: 'Backend',
};

/** Below the tracks: what is picked and what can be done with it; else what the signs mean. */
export function Desk({ node, yard, rates, onMenu, onClose }: DeskProps): ReactNode {
  if (!node) return <Legend />;
  const sessions = sessionsOf(node, yard);
  const rate = sumOf(rates, tracksOf(node, yard));
  const facts = factsOf(node, yard);
  return (
    <section className={styles.desk} aria-label={`Picked: ${titleOf(node)}`}>
      <div className={styles.title}>
        <span className={styles.kind}>{kinds[node.kind]}</span>
        <b className={styles.name} title={titleOf(node)}>
          {node.kind === 'session' ? `${node.session.id}, ${nameOf(node.session.application)}` : titleOf(node)}
        </b>
      </div>
      <dl className={styles.facts}>
        {node.kind !== 'session' && <Fact label="Sessions" value={formatCount(sessions.length)} />}
        {facts.map(({ label, value }) => (
          <Fact key={label} label={label} value={value} />
        ))}
        {node.kind !== 'session' && (
          <Fact label="Traffic" value={rate.bytes === 0 ? 'quiet' : `${formatShort(rate.queries)} q/s, ${formatBytes(rate.bytes)}/s`} />
        )}
      </dl>
      <div className={styles.actions}>
        <Button look="primary" disabled={node.kind !== 'endpoint' && sessions.length === 0} onClick={() => startMove(node, yard)}>
          {node.kind === 'endpoint' ? 'Point elsewhere…' : node.kind === 'backend' ? 'Move its sessions…' : 'Move to…'}
        </Button>
        {node.kind !== 'rest' && (
          <Button onClick={() => showSessions(node)}>{node.kind === 'session' ? 'Show details' : 'Show in Sessions'}</Button>
        )}
        <Button aria-haspopup="menu" onClick={(event) => onMenu(event.currentTarget)}>
          More…
        </Button>
        <IconButton label="Put away" onClick={onClose}>
          <X size={16} aria-hidden="true" />
        </IconButton>
      </div>
    </section>
  );
}

function Fact({ label, value }: { label: string; value: string }): ReactNode {
  return (
    <div className={styles.fact}>
      <dt>{label}</dt>
      <dd title={value}>{value}</dd>
    </div>
  );
}

function tracksOf(node: YardNode, yard: Yard): string[] {
  const client = (application: string): string[] =>
    yard.clientTracks.flatMap((track) => (track.application === application ? [clientKey(application, track.endpoint)] : []));
  switch (node.kind) {
    case 'session':
      return [];
    case 'group':
      return client(node.group.application);
    case 'rest':
      return node.groups.flatMap((group) => client(group.application));
    case 'endpoint':
      return yard.serverTracks.flatMap((each) => (each.endpoint === node.endpoint.id ? [serverKey(each.endpoint, each.backend)] : []));
    case 'backend':
      return yard.serverTracks.flatMap((each) => (each.backend === node.at.backend ? [serverKey(each.endpoint, each.backend)] : []));
  }
}

function factsOf(node: YardNode, yard: Yard): { label: string; value: string }[] {
  const here = sessionsOf(node, yard);
  const underWay = here.filter((session) => session.transfer !== null).length;
  const more = underWay > 0 && node.kind !== 'session' ? [{ label: 'Moving', value: plural(underWay, 'session') }] : [];
  const list = (values: readonly string[]): string => [...new Set(values)].join(', ');
  switch (node.kind) {
    case 'group':
    case 'rest':
      return [
        { label: 'Endpoints', value: list(here.map((session) => session.endpoint)) },
        { label: 'Backends', value: list(here.map((session) => session.backend)) },
        ...more,
      ];
    case 'session': {
      const { session } = node;
      return [
        { label: 'State', value: session.transfer ? `${session.transfer.phase} for ${session.transfer.to}` : session.state },
        { label: 'User', value: `${session.user} on ${session.database}` },
        { label: 'Where', value: `${session.endpoint}, ${session.backend}` },
        { label: 'Queries', value: formatCount(session.queries) },
        { label: 'Moves', value: formatCount(session.migrations) },
      ];
    }
    case 'endpoint':
      return [
        { label: 'Backend', value: node.endpoint.backend },
        { label: 'Pool mode', value: node.endpoint.poolMode },
        ...(node.endpoint.redirectedTo === null ? [] : [{ label: 'Drained', value: `new clients go to ${node.endpoint.redirectedTo}` }]),
        ...more,
      ];
    case 'backend':
      return [
        { label: 'Endpoints', value: list(node.at.endpoints.map((endpoint) => endpoint.id)) || 'none' },
        { label: 'Pools', value: formatCount(node.at.pools.length) },
        { label: 'Waiting', value: formatCount(node.at.pools.reduce((sum, pool) => sum + pool.waiting, 0)) },
        ...more,
      ];
  }
}

function Legend(): ReactNode {
  return (
    <div className={styles.desk}>
      <ul className={styles.legend} aria-label="What the signs mean">
        {(['active', 'idle', 'idle in transaction', 'waiting', 'migrating'] as const).map((state) => (
          <li key={state}>
            <Lamp tone={states[state].tone} shape={states[state].shape} />
            {states[state].words}
          </li>
        ))}
        <li>
          <svg width="34" height="12" aria-hidden="true">
            <path d="M0 6h14" stroke="currentColor" strokeWidth="2" />
            <path d="M18 6h16" stroke="currentColor" strokeWidth="9" />
          </svg>
          thicker: more traffic
        </li>
      </ul>
      <p className={styles.help}>
        Drag onto a backend to move. <kbd>Enter</kbd> menu, <kbd>Space</kbd> select, <kbd>M</kbd> move
      </p>
    </div>
  );
}
