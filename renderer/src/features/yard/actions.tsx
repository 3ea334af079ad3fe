import { ArrowRight, Cable, Database, ListChecks, LogOut, RotateCw, TrainTrack, Undo2 } from 'lucide-react';
import { hashOf } from '../../app/routes.ts';
import { openMigrate, openRemap, select, useView } from '../../store/view.ts';
import { plural } from '../../lib/format.ts';
import type { PointMenuItem } from '../../ui/PointMenu.tsx';
import { judgeNow, moveTo, withSelection } from '../drag/dragging.ts';
import type { DragPayload } from '../drag/payload.ts';
import { showSession } from '../sessions/address.ts';
import { endpointsAt } from '../servers/words.ts';
import type { Yard } from './model.ts';
import { filterOf, sessionsOf } from './nodes.ts';
import type { YardNode } from './nodes.ts';

/** What a view does for the menu, because it holds the dialogs. */
export interface ServerActions {
  drain: (backend: string) => void;
  endDrain: (backend: string) => void;
  restart: (backend: string) => void;
}

/** What moving a node would move. Null: nothing can be. */
export function payloadFor(node: YardNode, yard: Yard): DragPayload | null {
  if (node.kind === 'endpoint') return { kind: 'endpoint', id: node.endpoint.id };
  const ids = sessionsOf(node, yard).map((session) => session.id);
  return ids.length === 0 ? null : { kind: 'sessions', ids: node.kind === 'backend' ? ids : withSelection(ids) };
}

/** Opens the dialog that moves a node, with its target left open. */
export function startMove(node: YardNode, yard: Yard): void {
  const payload = payloadFor(node, yard);
  if (payload?.kind === 'sessions') openMigrate(payload.ids);
  if (payload?.kind === 'endpoint') openRemap(payload.id);
}

/** Adds a node's sessions to the selection, or takes them out if all of them are in it. */
export function toggleSelected(node: YardNode, yard: Yard): void {
  const ids = sessionsOf(node, yard).map((session) => session.id);
  const { selected } = useView.getState();
  const next = new Set(selected);
  const all = ids.length > 0 && ids.every((id) => selected.has(id));
  for (const id of ids) {
    if (all) next.delete(id);
    else next.add(id);
  }
  select(next, null);
}

/** Goes to the table of sessions, at one of them or at those of a node. */
export function showSessions(node: YardNode): void {
  if (node.kind === 'session') {
    return showSession(node.session.id);
  }
  const q = filterOf(node);
  window.location.hash = hashOf('sessions', q === null ? {} : { q });
}

/** What can be done with a node, in groups: where it can be moved to, then the rest. */
export function actionsFor(node: YardNode, yard: Yard, server: ServerActions): PointMenuItem[][] {
  return [movesFor(node, yard), othersFor(node, yard), node.kind === 'backend' ? serverActions(node.at.backend, yard, server) : []];
}

function movesFor(node: YardNode, yard: Yard): PointMenuItem[] {
  const payload = payloadFor(node, yard);
  if (!payload) return [];
  const what = payload.kind === 'endpoint' ? `Point ${payload.id}` : `Move ${plural(payload.ids.length, 'session')}`;
  return yard.backends
    .filter(({ endpoints }) => endpoints.length > 0)
    .map(({ backend }) => {
      const judgement = judgeNow(payload, { kind: 'backend', backend });
      return {
        label: payload.kind === 'endpoint' ? `${what} at ${backend}…` : `${what} to ${backend}…`,
        hint: judgement.fits ? endpointsAt(yard.endpoints, backend) : judgement.why,
        icon: <ArrowRight size={15} aria-hidden="true" />,
        disabled: !judgement.fits,
        onChoose: () => judgement.fits && moveTo(payload, judgement.to),
      };
    });
}

function othersFor(node: YardNode, yard: Yard): PointMenuItem[] {
  const sessions = sessionsOf(node, yard);
  const items: PointMenuItem[] = [];
  if (node.kind === 'endpoint') {
    items.push({
      label: 'Move its sessions elsewhere…',
      hint: 'The endpoint stays where it points',
      icon: <TrainTrack size={15} aria-hidden="true" />,
      disabled: sessions.length === 0,
      onChoose: () => openMigrate(sessions.map((session) => session.id)),
    });
  }
  if (node.kind !== 'rest') {
    items.push({
      label: node.kind === 'session' ? 'Show its details' : 'Show in Sessions',
      hint: node.kind === 'session' ? 'Opens it in the table of sessions' : 'The table, with only these in it',
      icon: <Cable size={15} aria-hidden="true" />,
      onChoose: () => showSessions(node),
    });
  }
  if (node.kind !== 'endpoint' && node.kind !== 'backend') {
    const { selected } = useView.getState();
    const all = sessions.every((session) => selected.has(session.id));
    items.push({
      label: all ? 'Take out of the selection' : 'Add to the selection',
      hint: 'The selection moves as one',
      icon: <ListChecks size={15} aria-hidden="true" />,
      onChoose: () => toggleSelected(node, yard),
    });
  }
  if (node.kind === 'endpoint') {
    items.push({
      label: 'Show in Endpoints',
      hint: 'The endpoint map, where it is edited',
      icon: <Database size={15} aria-hidden="true" />,
      onChoose: () => {
        window.location.hash = hashOf('endpoints', { endpoint: node.endpoint.id });
      },
    });
  }
  return items;
}

function serverActions(backend: string, yard: Yard, server: ServerActions): PointMenuItem[] {
  const endpoints = yard.endpoints.filter((endpoint) => endpoint.backend === backend);
  if (endpoints.length === 0) return [];
  const drained = endpoints.some((endpoint) => endpoint.redirectedTo !== null);
  return [
    drained
      ? {
          label: 'End the drain',
          hint: 'New clients come to it again; who has moved stays',
          icon: <Undo2 size={15} aria-hidden="true" />,
          onChoose: () => server.endDrain(backend),
        }
      : {
          label: 'Drain this server…',
          hint: 'Moves every session off it, new clients too',
          icon: <LogOut size={15} aria-hidden="true" />,
          onChoose: () => server.drain(backend),
        },
    {
      label: 'Restart this server…',
      hint: 'Holds its sessions while you restart it',
      icon: <RotateCw size={15} aria-hidden="true" />,
      onChoose: () => server.restart(backend),
    },
  ];
}
