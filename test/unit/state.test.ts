/** States compared and changed without a server. */
import { describe, expect, it } from 'vitest';
import { cleanState, placeholdersOf, stateOf, type NativeStatement } from '../../core/state/carried.ts';
import { changeCost, dropsShared } from '../../core/state/change.ts';
import { changeGroups } from '../../core/state/change-groups.ts';
import { PARSE_SETTINGS, parseKeyOf, parseSettingsOf } from '../../core/state/parse-settings.ts';
import { prepareText } from '../../core/state/prepare-text.ts';
import { textArray } from '../../core/state/queries.ts';

const statement = (name: string, text = 'select 1', parseSettings = new Map<string, string>()): NativeStatement => ({
  name,
  text,
  fromSql: false,
  parameterTypes: [],
  parseSettings,
});

describe('the tag of a state', () => {
  it('is empty as after the startup, and for nothing else', () => {
    expect(cleanState.tag).toBe('');
    expect(stateOf({}).tag).toBe('');
    const others = [
      { settings: new Map([['a', '']]) },
      { custom: new Map([['a', '']]) },
      { leftovers: new Set(['a']) },
      { role: '' },
      { role: 'none' },
      { isNative: true },
      { isNative: true, statements: [statement('a')] },
      { isNative: true, statements: [statement('a', 'select 1', new Map([['DateStyle', 'ISO, DMY']]))] },
      { isNative: true, statements: [{ ...statement('a'), fromSql: true }] },
      { isNative: true, statements: [{ ...statement('a'), parameterTypes: [23] }] },
    ].map((parts) => stateOf(parts).tag);
    expect(new Set(['', ...others]).size).toBe(others.length + 1);
  });

  it('does not depend on the order of anything', () => {
    const entries: [string, string][] = [
      ['b', '1'],
      ['a', '2'],
    ];
    const parts = { settings: new Map(entries), custom: new Map(entries), statements: [statement('x'), statement('y')] };
    const turned = {
      settings: new Map(entries.toReversed()),
      custom: new Map(entries.toReversed()),
      statements: [statement('y'), statement('x')],
    };
    expect(stateOf(parts).tag).toBe(stateOf(turned).tag);
  });
});

describe('what a change costs', () => {
  const withWork = stateOf({ settings: new Map([['work_mem', '1']]) });
  const tenant = stateOf({ custom: new Map([['app.tenant', '1']]) });

  it('nothing between equals, more the more there is to do', () => {
    expect(changeCost(withWork, stateOf({ settings: new Map([['work_mem', '1']]) }), 'strict')).toBe(0);
    const one = changeCost(cleanState, withWork, 'strict') ?? 0;
    const many =
      changeCost(
        withWork,
        stateOf({
          settings: new Map([
            ['a', '1'],
            ['b', '2'],
          ]),
          role: 'r',
        }),
        'strict',
      ) ?? 0;
    expect(one).toBeGreaterThan(0);
    expect(many).toBeGreaterThan(one);
    expect(changeCost(cleanState, stateOf({ isNative: true }), 'strict') ?? 0).toBeGreaterThan(many);
  });

  it('a custom setting stays: only who has it too can follow', () => {
    expect(changeCost(tenant, cleanState, 'strict')).toBeNull();
    expect(changeCost(tenant, withWork, 'strict')).toBeNull();
    expect(changeCost(tenant, cleanState, 'compatible')).toBeGreaterThan(0);
    expect(changeCost(tenant, stateOf({ custom: new Map([['app.tenant', '']]) }), 'strict')).toBeGreaterThan(0);
    expect(changeCost(cleanState, tenant, 'strict')).toBeGreaterThan(0);
    const left = placeholdersOf(tenant, ['App.Other']);
    expect([...left.leftovers]).toEqual(['app.tenant', 'app.other']);
    expect(changeCost(left, tenant, 'strict')).toBeNull();
    expect(
      changeCost(
        left,
        stateOf({
          custom: new Map([
            ['app.tenant', '1'],
            ['app.other', ''],
          ]),
        }),
        'strict',
      ),
    ).toBeGreaterThan(0);
    expect(placeholdersOf(withWork)).toBe(cleanState);
  });

  it('says when the shared statements are gone', () => {
    const native = stateOf({ isNative: true });
    expect([dropsShared(cleanState, native), dropsShared(native, cleanState), dropsShared(native, native)]).toEqual([true, false, false]);
  });
});

describe('the messages of a change', () => {
  const texts = (groups: ReturnType<typeof changeGroups>): string[] =>
    groups.flat().map((step) => Buffer.concat([...step.frames]).toString('latin1'));

  it('are one statement and the end of the unnamed one, where only settings change', () => {
    const from = stateOf({ settings: new Map([['work_mem', '1']]), role: 'r' });
    const to = stateOf({
      settings: new Map([
        ['statement_timeout', '5'],
        ['client_encoding', 'LATIN1'],
        ['DateStyle', 'ISO, DMY'],
      ]),
      role: 'q"',
    });
    const groups = changeGroups(from, to, 'UTF8');
    expect(groups.map((group) => group.length)).toEqual([2]);
    const [set = ''] = texts(groups);
    expect(set).toContain('{"role","work_mem","DateStyle","statement_timeout","client_encoding","role"}');
    expect(set).toContain('{"none",NULL,"ISO, DMY","5","LATIN1","q\\""}');
  });

  it('begin with a neutral encoding when there is more than ASCII', () => {
    const to = stateOf({ custom: new Map([['a.b', 'ä']]) });
    expect(texts(changeGroups(cleanState, to, 'UTF8'))).toHaveLength(2);
    const [neutral = '', , end = ''] = texts(changeGroups(cleanState, to, 'LATIN1'));
    expect(neutral).toContain('{"UTF8"}');
    expect(end).not.toContain('LATIN1');
  });

  it('put a Sync behind every fifty statements', () => {
    const statements = Array.from({ length: 120 }, (_, index) => statement(`s${index}`));
    const groups = changeGroups(stateOf({ isNative: true }), stateOf({ isNative: true, statements }), 'UTF8');
    expect(groups.map((group) => group.length)).toEqual([50, 50, 21]);
  });

  it('touch only the statements that differ', () => {
    const from = stateOf({ isNative: true, statements: [statement('a'), statement('b'), statement('c')] });
    const to = stateOf({ isNative: true, statements: [statement('a'), statement('b', 'select 2'), statement('d')] });
    const labels = changeGroups(from, to, 'UTF8')
      .flat()
      .map((step) => step.describe(''));
    expect(labels).toEqual([
      'the removal of prepared statement "b"',
      'the removal of prepared statement "c"',
      'prepared statement "b"',
      'prepared statement "d"',
      'the end of the change',
    ]);
  });
});

describe('what a Parse depends on', () => {
  it('has a key of its own for every setting of the list, in whatever case it is named', () => {
    expect(parseKeyOf(new Map([['work_mem', '1']]))).toBe('');
    const keys = PARSE_SETTINGS.map((name) => parseKeyOf(new Map([[name, 'x']])));
    expect(new Set(['', ...keys]).size).toBe(PARSE_SETTINGS.length + 1);
    expect(parseKeyOf(new Map([['datestyle', 'x']]))).toBe(parseKeyOf(new Map([['DateStyle', 'x']])));
    expect(parseSettingsOf(new Map(), 'r').get('role')).toBe('r');
  });
});

describe('texts', () => {
  it('of a PREPARE among others', () => {
    expect(prepareText('a', 'prepare a as select 1', true)).toBe('prepare a as select 1');
    expect(
      prepareText('b', `insert into t values ('; prepare b as'); prepare a as select 1; prepare b as select ';' ; select 3`, true),
    ).toBe(`prepare b as select ';'`);
    expect(prepareText('c', 'select 1; prepare a as select 1', true)).toBeNull();
  });

  it('of an array', () => {
    expect(textArray(['a"b', null, 'c\\d', 'NULL', ''])).toBe('{"a\\"b",NULL,"c\\\\d","NULL",""}');
  });
});
