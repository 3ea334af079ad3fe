import { createContext, useContext } from 'react';
import type { CSSProperties } from 'react';
import type { Drawing } from './drawing.ts';

/** What a node must know of the stage to stand on it. */
export interface StageState {
  drawing: Drawing;
  /** The nodes that Tab leads to, one per column. */
  tabStops: ReadonlySet<string>;
  picked: string | null;
  /** Whether a node belongs to what is picked; null: nothing is. */
  lit: ReadonlySet<string> | null;
}

/** See `StageState`. */
export const StageContext = createContext<StageState | null>(null);

/** The stage, inside of it. */
export function useStage(): StageState {
  const stage = useContext(StageContext);
  if (!stage) throw new Error('a node of the yard stands outside of its stage');
  return stage;
}

/** Where a node stands, as a style; hidden while it has no place yet. */
export function placeOf(key: string, { drawing }: StageState): CSSProperties {
  const box = drawing.boxes.get(key);
  if (!box) return { display: 'none' };
  return { transform: `translate(${box.x}px, ${box.y}px)`, width: box.width, height: box.height };
}
