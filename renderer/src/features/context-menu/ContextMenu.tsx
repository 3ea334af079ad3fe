import { DropdownMenu } from 'radix-ui';
import { useRef } from 'react';
import type { ReactNode } from 'react';
import { commands } from '../../../../core/contract/index.ts';
import type { Command, CommandId } from '../../../../core/contract/index.ts';
import { useHost } from '../../bridge/client.ts';
import { keyWords } from '../../commands/key-words.ts';
import { isEnabled, runCommand, situationNow } from '../../commands/registry.ts';
import { sessionsMeant } from '../../commands/situation.ts';
import type { Situation } from '../../commands/situation.ts';
import { cx } from '../../lib/cx.ts';
import { plural } from '../../lib/format.ts';
import { useContextMenu } from '../../store/context-menu.ts';
import type { OpenContextMenu } from '../../store/context-menu.ts';
import { useServer } from '../../store/server.ts';
import { openMigrate } from '../../store/view.ts';
import { Keys } from '../../ui/Keys.tsx';
import { filterChoice } from '../sessions/apply-filter.ts';
import { isSortColumn } from '../sessions/sort.ts';
import styles from './ContextMenu.module.css';

type Row = Command & { id: CommandId };

/** What the menu is about, in words. */
function titleOf(situation: Situation): string {
  const { session, endpoint, backend } = situation.pointed;
  if (session === null) return endpoint === null ? `Server ${backend ?? ''}` : `Endpoint ${endpoint}`;
  const rows = sessionsMeant(situation);
  const [first] = rows;
  return rows.length === 1 && first ? `Session ${first.id}` : plural(rows.length, 'selected session');
}

/** The commands for what is pointed at, as parts that lines divide; a part is a list of commands or submenus. */
function partsFor({ pointed }: Situation): Row[][] {
  const about: readonly string[] = [
    ...(pointed.session === null ? [] : ['session', 'sessions']),
    ...(pointed.endpoint === null ? [] : ['endpoint']),
    ...(pointed.backend === null ? [] : ['backend']),
  ];
  const parts: Row[][] = [];
  for (const command of commands as readonly Row[]) {
    if (!about.includes(command.on) || (command.menu !== 'session' && command.menu !== 'endpoint')) continue;
    const last = parts.at(-1);
    if (last?.[0]?.group === command.group) last.push(command);
    else parts.push([command]);
  }
  return parts;
}

/** The menu at the pointer, or beside the row that has the focus: the commands that are about it. */
export function ContextMenu({ open }: { open: OpenContextMenu }): ReactNode {
  const call = useHost();
  const chosen = useRef<(() => void) | null>(null);
  const situation = situationNow(open.pointed);
  const choose = (run: () => void): void => {
    chosen.current = run;
  };
  const close = (): void => useContextMenu.setState({ open: null });

  const line = (command: Row): ReactNode => (
    <DropdownMenu.Item
      key={command.id}
      className={cx(styles.item, command.danger && styles.danger)}
      disabled={!isEnabled(command.id, situation)}
      onSelect={() => choose(() => runCommand({ call }, command.id, open.pointed))}
    >
      {command.label}
      {command.keys && <Keys words={keyWords(command.keys[0])} />}
    </DropdownMenu.Item>
  );

  return (
    <DropdownMenu.Root open modal={false} onOpenChange={(stays) => !stays && close()}>
      <DropdownMenu.Trigger asChild>
        <button
          type="button"
          tabIndex={-1}
          aria-label={titleOf(situation)}
          className={styles.anchor}
          style={{ left: open.x, top: open.y }}
        />
      </DropdownMenu.Trigger>
      <DropdownMenu.Portal container={document.getElementById('main')}>
        <DropdownMenu.Content
          className={styles.menu}
          align="start"
          sideOffset={0}
          collisionPadding={8}
          loop
          onCloseAutoFocus={(event) => {
            event.preventDefault();
            if (open.opener?.isConnected) open.opener.focus({ preventScroll: true });
            chosen.current?.();
          }}
        >
          <DropdownMenu.Label className={styles.title}>{titleOf(situation)}</DropdownMenu.Label>
          <FilterByCell open={open} choose={choose} />
          <MoveTo situation={situation} choose={choose} />
          {partsFor(situation).map((part, i) => (
            <Part key={part[0]?.id ?? i} part={part} first={i === 0} line={line} />
          ))}
        </DropdownMenu.Content>
      </DropdownMenu.Portal>
    </DropdownMenu.Root>
  );
}

/** Commands of one group; those that stand in a submenu are behind its name. */
function Part({ part, first, line }: { part: readonly Row[]; first: boolean; line: (command: Row) => ReactNode }): ReactNode {
  const under = part[0]?.under;
  return (
    <>
      {!first && <DropdownMenu.Separator className={styles.separator} />}
      {under === undefined ? part.map(line) : <Submenu label={under}>{part.map(line)}</Submenu>}
    </>
  );
}

function Submenu({ label, children }: { label: string; children: ReactNode }): ReactNode {
  return (
    <DropdownMenu.Sub>
      <DropdownMenu.SubTrigger className={styles.item}>
        {label}
        <span aria-hidden="true">›</span>
      </DropdownMenu.SubTrigger>
      <DropdownMenu.Portal container={document.getElementById('main')}>
        <DropdownMenu.SubContent className={styles.menu} collisionPadding={8}>
          {children}
        </DropdownMenu.SubContent>
      </DropdownMenu.Portal>
    </DropdownMenu.Sub>
  );
}

/** The endpoints that the sessions can be moved to; the way to move them without dragging. */
function MoveTo({ situation, choose }: { situation: Situation; choose: (run: () => void) => void }): ReactNode {
  if (situation.pointed.session === null) return null;
  const rows = sessionsMeant(situation);
  const ids = rows.map((row) => row.id);
  return (
    <Submenu label="Move to">
      {situation.server.endpoints.map((endpoint) => (
        <DropdownMenu.Item
          key={endpoint.id}
          className={styles.item}
          disabled={rows.every((row) => row.endpoint === endpoint.id && row.backend === endpoint.backend)}
          onSelect={() => choose(() => openMigrate(ids, endpoint.id))}
        >
          {endpoint.id}…<span className={styles.detail}>{endpoint.backend}</span>
        </DropdownMenu.Item>
      ))}
    </Submenu>
  );
}

/** What the cell under the pointer says, to be shown alone or left out. */
function FilterByCell({ open, choose }: { open: OpenContextMenu; choose: (run: () => void) => void }): ReactNode {
  const row = useServer.getState().sessions.get(open.pointed.session ?? Number.NaN);
  const choice = row && open.column !== null && isSortColumn(open.column) ? filterChoice(row, open.column) : null;
  if (!choice) return null;
  return (
    <>
      <DropdownMenu.Item className={styles.item} onSelect={() => choose(() => choice.apply(false))}>
        Show only {choice.text}
      </DropdownMenu.Item>
      <DropdownMenu.Item className={styles.item} onSelect={() => choose(() => choice.apply(true))}>
        Leave out {choice.text}
      </DropdownMenu.Item>
      <DropdownMenu.Separator className={styles.separator} />
    </>
  );
}
