import { create } from 'zustand';
import type { EndpointRow } from '../../../../core/contract/index.ts';
import { useServer } from '../../store/server.ts';
import { openMigrate, openRemap, useView } from '../../store/view.ts';
import { judge } from './judge.ts';
import type { Judgement } from './judge.ts';
import type { DragPayload, DropTarget } from './payload.ts';

/** What is dragged at the moment; null: nothing. Written by the drag layer. */
export const useDragging = create<{ payload: DragPayload | null }>()(() => ({ payload: null }));

/** How a target looks to what is dragged at the moment; null while nothing is. */
export function useJudgement(target: DropTarget): Judgement | null {
  const payload = useDragging((state) => state.payload);
  const endpoints = useServer((state) => state.endpoints);
  if (payload === null) return null;
  return judge(payload, target, { endpoints, sessions: useServer.getState().sessions });
}

/** Judges a drop by what the host says now. */
export function judgeNow(payload: DragPayload, target: DropTarget): Judgement {
  return judge(payload, target, useServer.getState());
}

/** Opens the dialog that a drop, or the same choice in a menu, asks for; each begins with its preflight. */
export function moveTo(payload: DragPayload, endpoint: EndpointRow['id']): void {
  if (payload.kind === 'sessions') openMigrate(payload.ids, endpoint);
  else openRemap(payload.id, endpoint);
}

/** The sessions that go along with these: the whole selection if they are part of it. */
export function withSelection(ids: readonly number[]): readonly number[] {
  const { selected } = useView.getState();
  return ids.length > 0 && ids.every((id) => selected.has(id)) ? [...selected] : ids;
}

/** What is dragged, in a word or two. */
export function payloadWords(payload: DragPayload): string {
  if (payload.kind === 'endpoint') return `Endpoint ${payload.id}`;
  const [only] = payload.ids;
  if (payload.ids.length === 1 && only !== undefined) {
    const name = useServer.getState().sessions.get(only)?.application ?? '';
    return name === '' ? `Session ${only}` : `Session ${only}, ${name}`;
  }
  return `${payload.ids.length} sessions`;
}
