import { Suspense, lazy, useEffect } from 'react';
import type { ReactNode } from 'react';
import { commandId } from '../../../../core/contract/index.ts';
import { useHost } from '../../bridge/client.ts';
import { onShellCommand } from '../../bridge/shell.ts';
import { listenForKeys } from '../../commands/keys.ts';
import { isEnabled, runCommand, situationNow } from '../../commands/registry.ts';
import { reportToShell } from '../../commands/report.ts';
import { pointedAt } from '../../commands/situation.ts';
import { useContextMenu } from '../../store/context-menu.ts';
import { usePalette } from '../../store/palette.ts';
import { useView } from '../../store/view.ts';
import { AskedDialog } from '../asked/AskedDialog.tsx';
import { Toasts } from '../toasts/Toasts.tsx';

// Not needed for the first picture; loaded once the window is at rest, so that the first word typed into it is not lost.
const loadPalette = () => import('./Palette.tsx').then((module) => ({ default: module.Palette }));
const Palette = lazy(loadPalette);
const ContextMenu = lazy(() => import('../context-menu/ContextMenu.tsx').then((module) => ({ default: module.ContextMenu })));

/** A right click, or the menu key: on what stands for something of ours the menu is ours. */
function onContextMenu(event: MouseEvent): void {
  // Whoever is nearer has a menu of its own there.
  if (event.defaultPrevented) return;
  const target = event.target instanceof Element ? event.target : null;
  const pointed = pointedAt(target);
  const marked = window.getSelection()?.isCollapsed === false;
  if (marked || target?.closest('input:not([type="checkbox"]), textarea, [role="menu"], [role="dialog"]')) return;
  if (pointed.session === null && pointed.endpoint === null && pointed.backend === null) return;
  event.preventDefault();
  const alone = pointed.session !== null && !useView.getState().selected.has(pointed.session);
  const focused = document.activeElement;
  const opener = target?.closest<HTMLElement>('[tabindex]') ?? (focused instanceof HTMLElement ? focused : null);
  const column = target?.closest<HTMLElement>('[data-column]')?.dataset['column'] ?? null;
  useContextMenu.setState({ open: { pointed: { ...pointed, alone }, column, opener, x: event.clientX, y: event.clientY } });
}

/** Where commands come in (keys, context menus, the native menu) and what they open: palette, menu, dialogs and messages. */
export function CommandCentre(): ReactNode {
  const call = useHost();
  const palette = usePalette((state) => state.open);
  const menu = useContextMenu((state) => state.open);

  useEffect(
    () =>
      listenForKeys((id, target) => {
        const pointed = pointedAt(target);
        if (!isEnabled(id, situationNow(pointed))) return false;
        runCommand({ call }, id, pointed);
        return true;
      }),
    [call],
  );
  useEffect(() => {
    // One that fails is tried again when the palette is wanted.
    const idle = requestIdleCallback(() => void loadPalette().catch(() => undefined), { timeout: 5_000 });
    return () => cancelIdleCallback(idle);
  }, []);
  useEffect(() => {
    window.addEventListener('contextmenu', onContextMenu);
    return () => window.removeEventListener('contextmenu', onContextMenu);
  }, []);
  useEffect(() => {
    // Only the desktop has a menu of its own.
    if (!window.switchyard) return undefined;
    const stopReport = reportToShell(call);
    const stopMenu = onShellCommand((word) => {
      const id = commandId.safeParse(word);
      if (id.success) runCommand({ call }, id.data, pointedAt(document.activeElement));
    });
    return () => {
      stopReport();
      stopMenu();
    };
  }, [call]);

  return (
    <>
      {palette && (
        <Suspense fallback={null}>
          <Palette open={palette} />
        </Suspense>
      )}
      {menu && (
        <Suspense fallback={null}>
          <ContextMenu key={`${menu.x} ${menu.y}`} open={menu} />
        </Suspense>
      )}
      <AskedDialog />
      <Toasts />
    </>
  );
}
