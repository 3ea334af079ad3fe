import { createKeybindingsHandler } from 'tinykeys';
import { commands } from '../../../core/contract/index.ts';
import type { Command, CommandId } from '../../../core/contract/index.ts';
import { useAsked } from '../store/asked.ts';
import { usePalette } from '../store/palette.ts';
import { usePreferences } from '../store/preferences.ts';

/** Keys that mean the same wherever the focus is: nothing that is typed into a field, and nothing that a field does itself. */
const everywhere = new Set(['Mod+K', 'Mod+,', 'F1']);

/** What has keys of its own while it is open. */
const APART = '[role="dialog"], [role="alertdialog"], [role="menu"], [role="listbox"]';
const FIELD = 'input:not([type="checkbox"], [type="radio"], [type="button"]), textarea, select, [contenteditable]';
/** Space and Enter are theirs. */
const PRESSED = 'a, button, summary, input, [role="tab"], [role="radio"], [role="switch"], [role="menuitem"], [role="separator"]';

/** The table's notation in that of tinykeys. A sign may need Shift on somebody's keyboard; a letter with Shift is another key. */
export function tinykeysOf(keys: string): string {
  const parts = keys.split('+');
  const last = parts.pop() ?? '';
  const modifiers = parts.map((part) => (part === 'Mod' ? '$mod' : part));
  const sign = last.length === 1 && !/[A-Z]/.test(last) && modifiers.length === 0;
  return [...modifiers, ...(sign ? ['[Shift]'] : []), last].join('+');
}

/** Whether a key works without Ctrl, Cmd or Alt, so that typing gives it. Function keys, Escape, Delete and the like are not typed. */
export function isTyped(keys: string): boolean {
  return keys.length === 1 || keys === 'Space';
}

/** Whether a key that was pressed there gives a command. */
export function isMeant(keys: string, event: KeyboardEvent, singleKeys: boolean): boolean {
  if (event.defaultPrevented || event.isComposing || event.repeat) return false;
  if (isTyped(keys) && !singleKeys) return false;
  const target = event.target instanceof Element ? event.target : null;
  if (target?.closest(APART)) return false;
  if (everywhere.has(keys)) return true;
  if (target?.closest(FIELD)) return false;
  if ((keys === 'Space' || keys === 'Enter') && target?.closest(PRESSED)) return false;
  // What is marked on the page is what somebody wants to copy.
  return keys !== 'Mod+C' || window.getSelection()?.isCollapsed !== false;
}

/**
 * Listens for the keys of the table. `give` answers whether the command could be given; if not, the key does what it does without us.
 * Returns the function that ends it.
 */
export function listenForKeys(give: (id: CommandId, target: Element | null) => boolean): () => void {
  const bound: Record<string, (event: KeyboardEvent) => void> = {};
  for (const { id, keys } of commands as readonly (Command & { id: CommandId })[]) {
    for (const each of keys ?? []) {
      bound[tinykeysOf(each)] = (event) => {
        // What is on its way to open will have the keys: until it does, nobody has.
        if (usePalette.getState().open || useAsked.getState().asked) return;
        if (!isMeant(each, event, usePreferences.getState().singleKeys)) return;
        if (give(id, event.target instanceof Element ? event.target : null)) event.preventDefault();
      };
    }
  }
  const handler = createKeybindingsHandler(bound, { ignore: () => false });
  window.addEventListener('keydown', handler);
  return () => window.removeEventListener('keydown', handler);
}
