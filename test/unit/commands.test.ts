import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { commandGroups, commandId, commands } from '../../core/contract/index.ts';
import type { Command } from '../../core/contract/index.ts';
import { routes } from '../../renderer/src/app/routes.ts';
import { isTyped, tinykeysOf } from '../../renderer/src/commands/keys.ts';
import { bindings } from '../../renderer/src/commands/registry.ts';

const table: readonly Command[] = commands;

describe('the table of commands', () => {
  it('has every id once, and a binding for each and for nothing else', () => {
    const ids = table.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(Object.keys(bindings).sort()).toEqual(ids.toSorted());
    for (const { id, on } of table) expect(bindings[commandId.parse(id)].on, id).toBe(on);
  });

  it('gives every key to one command', () => {
    const keys = table.flatMap((command) => command.keys ?? []);
    expect(keys.filter((key, place) => keys.indexOf(key) !== place)).toEqual([]);
  });

  it('has a key for every view, in the order of the rail', () => {
    const going = table.filter(({ group }) => group === 'Go to');
    expect(going.map(({ id, keys }) => [id, keys?.[0]])).toEqual(routes.map((route, place) => [`go.${route}`, String(place + 1)]));
  });

  it('asks before what ends or loses something', () => {
    const atOnce = table.filter(({ label, danger }) => danger === true && !label.endsWith('…'));
    expect(atOnce).toEqual([]);
  });

  it('keeps groups together in a menu, so that lines divide them once', () => {
    for (const menu of ['file', 'view', 'session', 'endpoint', 'help'] as const) {
      const groups = table.filter((command) => command.menu === menu).map(({ group, under }) => `${group}/${under ?? ''}`);
      const runs = groups.filter((group, place) => group !== groups[place - 1]);
      expect(new Set(runs).size, `${menu}: ${runs.join(', ')}`).toBe(runs.length);
    }
  });

  it('uses every heading', () => {
    expect(commandGroups.filter((group) => !table.some((command) => command.group === group))).toEqual([]);
  });
});

describe('keys', () => {
  it.each([
    ['Mod+K', '$mod+K'],
    ['Shift+F10', 'Shift+F10'],
    ['?', '[Shift]+?'],
    ['1', '[Shift]+1'],
    ['M', 'M'],
    ['Space', 'Space'],
    ['Mod+,', '$mod+,'],
  ])('%s is %s to tinykeys', (ours, theirs) => {
    expect(tinykeysOf(ours)).toBe(theirs);
  });

  it('tells what typing gives from what it does not', () => {
    expect(['M', '/', '1', 'Space'].map(isTyped)).toEqual([true, true, true, true]);
    expect(['Mod+K', 'F1', 'Escape', 'Delete', 'Enter'].map(isTyped)).toEqual([false, false, false, false, false]);
  });
});

describe('the documentation', () => {
  it('has the keys of the table, and no others', () => {
    const text = readFileSync(new URL('../../docs/window.md', import.meta.url), 'utf8');
    const section = text.slice(text.indexOf('## Commands and keys')).split('\n## ')[0] ?? '';
    const said = [...section.matchAll(/^\| (`.*`) +\| (.*?) +\|$/gm)].map((match) => [match[1], match[2]]);
    const bound = commandGroups.flatMap((group) =>
      table.flatMap(({ group: own, keys, under, label }) =>
        own === group && keys ? [[keys.map((key) => `\`${key}\``).join(' '), group === 'Copy' ? `${under}: ${label}` : label]] : [],
      ),
    );
    expect(said).toEqual(bound);
  });
});
