import { isLink } from './deep-link.ts';

/** Switches that belong to Electron, Chromium or the system; users and tools add them to any Electron application. */
const foreign =
  /^(--(no-sandbox|inspect(-brk)?|remote-debugging-port|ozone-platform(-hint)?|password-store|force-device-scale-factor|gtk-version|enable-[a-z-]+|disable-[a-z-]+)(=.*)?|-psn_.*)$/;

/**
 * The words meant for us. Packaged, the program comes first; in development `electron` does, then switches, then our folder. A link
 * among them is no word of the command line: see `deep-link.ts`.
 */
export function ownWords(argv: readonly string[], packaged: boolean): string[] {
  const folder = packaged ? 0 : argv.findIndex((word, index) => index > 0 && !word.startsWith('-'));
  return argv.slice((folder < 0 ? 0 : folder) + 1).filter((word) => !foreign.test(word) && !isLink(word));
}
