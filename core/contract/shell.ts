/**
 * What passes between a window and the shell around it: the desktop's menu, tray and links. A headless host has none of these and says so.
 */
import * as z from 'zod';

/** Id of a line in the command table. */
const commandId = z.string().min(1).max(64);

/** A view of the window and its parameters, as the fragment of an address. */
export const viewHash = z
  .string()
  .max(2_048)
  .regex(/^#\/[a-z]+(\?\S*)?$/, 'Expected #/view or #/view?name=value.');

/** What the shell asks of a window: to run a command that was chosen in the native menu, or to show something. Never to act. */
export const shellRequest = z.union([z.strictObject({ command: commandId }), z.strictObject({ navigate: viewHash })]);
export type ShellRequest = z.infer<typeof shellRequest>;

/** The commands that make sense in the window at this moment; the native menu greys the others. */
export const enabledCommands = z.array(commandId).max(500);

export const themeChoice = z.enum(['system', 'light', 'dark']);
export type ThemeChoice = z.infer<typeof themeChoice>;

/** What a person chooses about the desktop application. */
export const desktopSettings = z.strictObject({
  /** `auto`: where the desktop is known to show a tray. */
  tray: z.enum(['auto', 'on', 'off']).default('auto'),
  /** A finished or failed migration and a lost backend, while no window has the focus. */
  notifications: z.boolean().default(true),
});
export type DesktopSettings = z.infer<typeof desktopSettings>;

/** The same with what became of it; null: this host has no desktop. */
export const desktopView = z
  .object({
    settings: desktopSettings,
    /** Whether there is an icon in the tray now; if not, why, as a sentence. */
    tray: z.object({ shown: z.boolean(), reason: z.string().nullable() }),
    notificationsPossible: z.boolean(),
    /** Whether `switchyard://` links of the system come to this application. */
    links: z.boolean(),
  })
  .nullable();
export type DesktopView = z.infer<typeof desktopView>;
