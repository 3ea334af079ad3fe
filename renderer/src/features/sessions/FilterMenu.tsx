import { Filter, FilterX } from 'lucide-react';
import type { ReactNode } from 'react';
import { useServer } from '../../store/server.ts';
import { useView } from '../../store/view.ts';
import { PointMenu } from '../../ui/PointMenu.tsx';
import { filterChoices } from './apply-filter.ts';

/** What a session's cells say, to be shown alone or left out; the pointed cell's first. */
export function FilterMenu(): ReactNode {
  const open = useView((state) => state.filterMenu);
  if (!open) return null;
  const row = useServer.getState().sessions.get(open.id);
  if (!row) return null;
  const choices = filterChoices(row, open.column);
  return (
    <PointMenu
      key={open.id}
      label={`Filter by session ${open.id}`}
      at={open.at}
      groups={[
        choices.map(({ text, apply }) => ({
          label: `Show only ${text}`,
          hint: '',
          icon: <Filter size={14} aria-hidden="true" />,
          onChoose: () => apply(false),
        })),
        choices.map(({ text, apply }) => ({
          label: `Leave out ${text}`,
          hint: '',
          icon: <FilterX size={14} aria-hidden="true" />,
          onChoose: () => apply(true),
        })),
      ]}
      returnFocus={() => document.querySelector<HTMLElement>('[role="row"][tabindex="0"]')?.focus()}
      onClose={() => useView.setState({ filterMenu: null })}
    />
  );
}
