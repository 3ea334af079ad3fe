import { defaultFilter } from 'cmdk';
import { commandOf, commands } from '../../../../core/contract/index.ts';
import type { Command, CommandId } from '../../../../core/contract/index.ts';
import { hashOf } from '../../app/routes.ts';
import type { Means } from '../../commands/binding.ts';
import { keyWords } from '../../commands/key-words.ts';
import { endpointsFor, isEnabled, runCommand, serversFor } from '../../commands/registry.ts';
import { nowhere, serversOf, sessionsMeant } from '../../commands/situation.ts';
import type { Situation } from '../../commands/situation.ts';
import { plural } from '../../lib/format.ts';
import { openMigrate } from '../../store/view.ts';
import { showSession } from '../sessions/address.ts';

/** One line of the palette. */
export interface Entry {
  /** Unique, and stable while the palette is open. */
  value: string;
  heading: string;
  label: string;
  /** What stands behind the label, quietly. */
  detail: string;
  keys: readonly string[] | null;
  disabled: boolean;
  run: (means: Means) => void;
}

/** How many sessions are listed at most: the best of those that fit what was typed. */
const SESSIONS = 20;

function entry(value: string, heading: string, label: string, detail: string, run: Entry['run']): Entry {
  return { value, heading, label, detail, keys: null, disabled: false, run };
}

function ofCommand(id: CommandId, situation: Situation): Entry {
  const { group, label, under, keys }: Command = commandOf(id);
  return {
    value: id,
    heading: group,
    label: group === 'Copy' && under !== undefined ? `${under}: ${label}` : label,
    detail: '',
    keys: keys ? keyWords(keys[0]) : null,
    disabled: !isEnabled(id, situation),
    run: (means) => runCommand(means, id, situation.pointed),
  };
}

function moves(situation: Situation): Entry[] {
  const rows = sessionsMeant(situation);
  const [first] = rows;
  if (!first) return [];
  const what = rows.length === 1 ? `session ${first.id}` : plural(rows.length, 'session');
  const ids = rows.map((row) => row.id);
  return situation.server.endpoints
    .filter((row) => rows.some((session) => session.endpoint !== row.id || session.backend !== row.backend))
    .map((row) => entry(`move ${row.id}`, 'Move', `Move ${what} to ${row.id}…`, row.backend, () => openMigrate(ids, row.id)));
}

function places({ server }: Situation): Entry[] {
  const go = (hash: string) => (): void => void (window.location.hash = hash);
  return [
    ...server.endpoints.map((row) =>
      entry(`endpoint ${row.id}`, 'Endpoints to go to', `Endpoint ${row.id}`, row.backend, go(hashOf('endpoints', { endpoint: row.id }))),
    ),
    ...serversOf(server.endpoints).map(({ backend, endpoints }) =>
      entry(
        `server ${backend}`,
        'Backends to go to',
        `Sessions on ${backend}`,
        endpoints.map((row) => row.id).join(', '),
        go(hashOf('sessions', { q: `backend:${backend}` })),
      ),
    ),
  ];
}

function sessions({ server }: Situation): Entry[] {
  return [...server.sessions.values()].map((row) =>
    entry(
      `session ${row.id}`,
      'Sessions to go to',
      `Session ${row.id}${row.application === '' ? '' : `, ${row.application}`}`,
      `${row.user} on ${row.database}, ${row.endpoint}`,
      () => showSession(row.id),
    ),
  );
}

/** What the palette offers for what was typed, best first within its heading, and the heading of the best one first. */
export function search(typed: string, situation: Situation): Entry[] {
  const words = typed.trim();
  const offered = commands.filter(({ id }) => id !== 'palette.open' && id !== 'view.menu').map(({ id }) => ofCommand(id, situation));
  const all = [...moves(situation), ...offered, ...places(situation)];
  if (words === '') return all.filter((each) => !each.disabled);
  return [...best(all, words), ...best(sessions(situation), words).slice(0, SESSIONS)];
}

/** What a command could be about. */
export function choices(id: CommandId, typed: string, situation: Situation): Entry[] {
  const heading = commandOf(id).label.replace('…', '');
  const endpoints = endpointsFor(id, situation).map((row) =>
    entry(`endpoint ${row.id}`, heading, row.id, row.backend, (means) => runCommand(means, id, { ...nowhere, endpoint: row.id })),
  );
  const servers = serversFor(id, situation).map(({ backend, endpoints: rows }) =>
    entry(`server ${backend}`, heading, backend, rows.map((row) => row.id).join(', '), (means) =>
      runCommand(means, id, { ...nowhere, backend }),
    ),
  );
  const all = [...endpoints, ...servers];
  return typed.trim() === '' ? all : best(all, typed.trim());
}

function best(entries: readonly Entry[], words: string): Entry[] {
  const scored = entries
    .map((each) => ({ each, score: defaultFilter?.(each.label, words, [each.heading, each.detail]) ?? 0 }))
    .filter(({ score }) => score > 0)
    .sort((a, b) => Number(a.each.disabled) - Number(b.each.disabled) || b.score - a.score);
  return scored.map(({ each }) => each);
}

/** The entries under their headings, in the order in which these come first. */
export function byHeading(entries: readonly Entry[]): [heading: string, entries: Entry[]][] {
  const groups = new Map<string, Entry[]>();
  for (const each of entries) {
    const group = groups.get(each.heading);
    if (group) group.push(each);
    else groups.set(each.heading, [each]);
  }
  return [...groups];
}
