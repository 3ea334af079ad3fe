import { create } from 'zustand';
import type { CommandId } from '../../../core/contract/index.ts';
import type { Pointed } from '../commands/situation.ts';

/** The palette while it is open. */
export interface OpenPalette {
  /** What was pointed at when it was opened. */
  pointed: Pointed;
  /** The command that still needs to know what it is about; null: a command is looked for. */
  pick: CommandId | null;
}

/** The palette; null while it is closed. */
export const usePalette = create<{ open: OpenPalette | null }>()(() => ({ open: null }));
