import { create } from 'zustand';
import type { Pointed } from '../commands/situation.ts';

/** A context menu while it is open. */
export interface OpenContextMenu {
  pointed: Pointed;
  /** The column of the table that was clicked in; null: none. */
  column: string | null;
  /** Where in the window, in CSS pixels. */
  x: number;
  y: number;
  /** Gets the focus back. */
  opener: HTMLElement | null;
}

/** The context menu; null while none is open. */
export const useContextMenu = create<{ open: OpenContextMenu | null }>()(() => ({ open: null }));
