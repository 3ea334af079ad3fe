const mac = /Mac|iPhone|iPad/.test(typeof navigator === 'object' ? navigator.platform : '');

const words: Record<string, string> = {
  Mod: mac ? '⌘' : 'Ctrl',
  Shift: mac ? '⇧' : 'Shift',
  Escape: 'Esc',
  ContextMenu: 'Menu key',
};

/** The keys of a combination as they are printed on a keyboard, in the order in which they are pressed. */
export function keyWords(keys: string): string[] {
  return keys.split('+').map((key) => words[key] ?? key);
}
