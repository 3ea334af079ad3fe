import { hashOf } from '../../app/routes.ts';
import type { Route } from '../../app/routes.ts';
import { matchingIds } from '../../features/sessions/matching.ts';
import { saveAs } from '../../lib/export.ts';
import type { ExportFormat } from '../../lib/export.ts';
import { plural } from '../../lib/format.ts';
import { ask } from '../../store/asked.ts';
import { useContextMenu } from '../../store/context-menu.ts';
import { usePalette } from '../../store/palette.ts';
import { prefer } from '../../store/preferences.ts';
import type { PreferenceChoices } from '../../store/preferences.ts';
import { say } from '../../store/toasts.ts';
import { select, toggleFreeze, useView } from '../../store/view.ts';
import { focusWhenThere } from '../arrive.ts';
import { onWindow } from '../binding.ts';
import type { Bindings } from '../binding.ts';
import type { Situation } from '../situation.ts';

function go(route: Route): ReturnType<typeof onWindow> {
  return onWindow((_means, { route: shown }) => {
    // Its address says more than the name of the view.
    if (route !== shown) window.location.hash = hashOf(route);
  });
}

function choose(change: Partial<PreferenceChoices>): ReturnType<typeof onWindow> {
  const differs = ({ preferences }: Situation): boolean =>
    Object.entries(change).some(([name, value]) => Reflect.get(preferences, name) !== value);
  return onWindow(() => prefer(change), differs);
}

/** What the filter of this window finds, as a file. */
function exportAs(format: ExportFormat): ReturnType<typeof onWindow> {
  return onWindow(
    (_means, { server }) => {
      const rows = matchingIds().flatMap((id) => server.sessions.get(id) ?? []);
      saveAs('sessions', format, rows);
      say(`Saved ${plural(rows.length, 'session')} as ${format.toUpperCase()}.`);
    },
    ({ server }) => server.sessions.size > 0,
  );
}

const onSessionsView = ({ route }: Situation): boolean => route === 'sessions';

function filterField(): HTMLElement | null {
  return document.querySelector<HTMLElement>('[data-filter]');
}

/** Leads to the field of this view; where there is none, to the sessions'. */
function filter(): void {
  const field = filterField();
  if (field) return field.focus();
  window.location.hash = hashOf('sessions');
  focusWhenThere(filterField);
}

/** Beside what has the focus, where the context menu of a row would stand. */
function openMenu({ pointed }: Situation): void {
  const opener = document.activeElement instanceof HTMLElement ? document.activeElement : null;
  const box = opener?.getBoundingClientRect();
  useContextMenu.setState({
    open: { pointed, column: null, opener, x: (box?.left ?? 0) + 24, y: Math.min(box?.bottom ?? 0, window.innerHeight - 40) },
  });
}

function clear({ view }: Situation): void {
  if (view.detail === null) return select([], null);
  useView.setState({ detail: null });
  document.querySelector<HTMLElement>('[role="row"][tabindex="0"]')?.focus();
}

/** Commands of the window itself: where it is, what it shows and how it looks. */
export const windowBindings = {
  'go.yard': go('yard'),
  'go.sessions': go('sessions'),
  'go.endpoints': go('endpoints'),
  'go.pools': go('pools'),
  'go.migrations': go('migrations'),
  'go.history': go('history'),
  'go.events': go('events'),
  'go.settings': go('settings'),
  'sessions.selectAll': onWindow(() => select(matchingIds(), null), onSessionsView),
  'sessions.clear': onWindow(
    (_means, situation) => clear(situation),
    ({ view }) => view.detail !== null || view.selected.size > 0,
  ),
  'capture.stop': onWindow(
    async ({ call }) => {
      await call('capture.stop', {});
      say('Statements are not captured any more.');
    },
    ({ server }) => server.host?.capture != null,
  ),
  'sessions.exportCsv': exportAs('csv'),
  'sessions.exportJson': exportAs('json'),
  'palette.open': onWindow((_means, { pointed }) => usePalette.setState({ open: { pointed, pick: null } })),
  'view.filter': onWindow(filter),
  'view.freeze': onWindow(toggleFreeze, ({ route }) => route === 'sessions' || route === 'yard'),
  'view.menu': onWindow(
    (_means, situation) => openMenu(situation),
    ({ pointed }) => pointed.session !== null || pointed.endpoint !== null || pointed.backend !== null,
  ),
  'theme.system': choose({ theme: 'system' }),
  'theme.light': choose({ theme: 'light' }),
  'theme.dark': choose({ theme: 'dark' }),
  'motion.system': choose({ motion: 'system' }),
  'motion.on': choose({ motion: 'on' }),
  'motion.off': choose({ motion: 'off' }),
  'density.comfortable': choose({ density: 'comfortable' }),
  'density.compact': choose({ density: 'compact' }),
  'help.keys': onWindow(() => ask({ kind: 'keys' })),
  'keys.on': onWindow(
    () => {
      prefer({ singleKeys: true });
      say('Single keys give commands again.');
    },
    ({ preferences }) => !preferences.singleKeys,
  ),
  'keys.off': onWindow(
    () => {
      prefer({ singleKeys: false });
      say('Single keys do nothing now; keys with Ctrl or Cmd still do.', { tone: 'info' });
    },
    ({ preferences }) => preferences.singleKeys,
  ),
} satisfies Partial<Bindings<'window'>>;
