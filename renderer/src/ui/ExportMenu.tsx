import { Braces, Download, Sheet } from 'lucide-react';
import { useEffect } from 'react';
import type { ReactNode } from 'react';
import type { ExportFormat } from '../lib/export.ts';
import { useAction } from '../lib/use-action.ts';
import { Menu } from './Menu.tsx';
import type { MenuItem } from './Menu.tsx';
import styles from './ExportMenu.module.css';

/** Gives the rows of a file when it is made. */
export type ExportRows = (format: ExportFormat) => readonly object[] | Promise<readonly object[]>;

interface ExportMenuProps {
  /** What the rows are, in the plural; also the beginning of the file's name. */
  what: string;
  /** What the table shows now. */
  shown: ExportRows;
  /** Without a filter; left out: `shown` is all there is. */
  all?: ExportRows;
}

const load = (): Promise<typeof import('../lib/export.ts')> => import('../lib/export.ts');

/** Saves what a table shows, or all of it, as CSV or JSON. */
export function ExportMenu({ what, shown, all }: ExportMenuProps): ReactNode {
  const { failure, run } = useAction();
  useEffect(() => {
    // Loaded with the view: it must work when the host is gone. If that fails, the choice itself says so.
    load().catch(() => undefined);
  }, []);
  const item = (label: string, hint: string, format: ExportFormat, rows: ExportRows): MenuItem => ({
    label,
    hint,
    icon: format === 'csv' ? <Sheet size={16} aria-hidden="true" /> : <Braces size={16} aria-hidden="true" />,
    onChoose: () => run(async () => (await load()).saveAs(what, format, await rows(format))),
  });
  const items: MenuItem[] =
    all === undefined
      ? [
          item('As CSV', 'For a spreadsheet: one line each.', 'csv', shown),
          item('As JSON', 'For a program: everything that is known.', 'json', shown),
        ]
      : [
          item('Shown as CSV', 'As the filter leaves them, for a spreadsheet.', 'csv', shown),
          item('Shown as JSON', 'As the filter leaves them, for a program.', 'json', shown),
          item('All as CSV', 'Whatever the filter, for a spreadsheet.', 'csv', all),
          item('All as JSON', 'Whatever the filter, for a program.', 'json', all),
        ];
  return (
    <>
      {failure && (
        <span role="alert" className={styles.failure}>
          Not exported: {failure.message}
        </span>
      )}
      <Menu label={`Export ${what}`} items={items}>
        <Download size={14} aria-hidden="true" />
        Export
      </Menu>
    </>
  );
}
