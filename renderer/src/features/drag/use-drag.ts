import { draggable, dropTargetForElements } from '@atlaskit/pragmatic-drag-and-drop/element/adapter';
import { setCustomNativeDragPreview } from '@atlaskit/pragmatic-drag-and-drop/element/set-custom-native-drag-preview';
import { pointerOutsideOfPreview } from '@atlaskit/pragmatic-drag-and-drop/element/pointer-outside-of-preview';
import { useEffect, useRef, useState } from 'react';
import type { RefObject } from 'react';
import styles from './Drag.module.css';
import { judgeNow, payloadWords, withSelection } from './dragging.ts';
import { payloadData, payloadOf, targetData } from './payload.ts';
import type { DragPayload, DropTarget } from './payload.ts';

function useDrag(ref: RefObject<HTMLElement | null>, payload: () => DragPayload): void {
  const newest = useRef(payload);
  useEffect(() => {
    newest.current = payload;
  });
  useEffect(() => {
    const element = ref.current;
    if (!element) return undefined;
    return draggable({
      element,
      getInitialData: () => payloadData(newest.current()),
      onGenerateDragPreview: ({ source, nativeSetDragImage }) => {
        const dragged = payloadOf(source.data);
        if (!dragged) return;
        setCustomNativeDragPreview({
          nativeSetDragImage,
          getOffset: pointerOutsideOfPreview({ x: '12px', y: '8px' }),
          render: ({ container }) => {
            const plate = document.createElement('div');
            plate.className = styles.plate ?? '';
            plate.textContent = payloadWords(dragged);
            container.append(plate);
          },
        });
      },
    });
  }, [ref]);
}

/** Lets an element be dragged for these sessions; for the whole selection if they are part of it. */
export function useDragSessions(ref: RefObject<HTMLElement | null>, ids: readonly number[]): void {
  useDrag(ref, () => ({ kind: 'sessions', ids: withSelection(ids) }));
}

/** Lets an element be dragged for an endpoint. */
export function useDragEndpoint(ref: RefObject<HTMLElement | null>, id: string): void {
  useDrag(ref, () => ({ kind: 'endpoint', id }));
}

/** Lets things be dropped on an element, if they fit there. Returns whether something that fits is over it. */
export function useDropTarget(ref: RefObject<HTMLElement | null>, target: DropTarget): boolean {
  const [over, setOver] = useState(false);
  const newest = useRef(target);
  useEffect(() => {
    newest.current = target;
  });
  useEffect(() => {
    const element = ref.current;
    if (!element) return undefined;
    return dropTargetForElements({
      element,
      getData: () => targetData(newest.current),
      canDrop: ({ source }) => {
        const payload = payloadOf(source.data);
        return payload !== null && judgeNow(payload, newest.current).fits;
      },
      onDragEnter: () => setOver(true),
      onDragLeave: () => setOver(false),
      onDrop: () => setOver(false),
    });
  }, [ref]);
  return over;
}
