import { describe, expect, it } from 'vitest';
import { customSettingNames, mentionsCustomSettings, preparedName, splitStatements, statementKind } from '../../core/sql/facts.ts';
import { identifierValue, skipBlank, stringValue, tokens, type LexerOptions } from '../../core/sql/lexer.ts';

const lex = (sql: string, options?: LexerOptions) =>
  [...tokens(sql, options)].map((token) => `${token.kind[0]}:${sql.slice(token.start, token.end)}`);
const pieces = (sql: string) => splitStatements(sql).map(({ start, end }) => sql.slice(start, end));
const values = (sql: string, options?: LexerOptions) =>
  [...tokens(sql, options)].map((token) => (token.kind === 'string' ? stringValue(sql, token, options) : identifierValue(sql, token)));
const mentions = (sql: string) => mentionsCustomSettings(Buffer.from(`x${sql}\0`), 1, 1 + Buffer.byteLength(sql));
const kind = (sql: string) => statementKind(Buffer.from(`x${sql}\0`), 1, 1 + Buffer.byteLength(sql));

describe('lexer', () => {
  it.each<[string, string[]]>([
    ['select 1', ['w:select', 'n:1']],
    ["'it''s' ", ["s:'it''s'"]],
    [String.raw`'a\' b'`, [String.raw`s:'a\'`, "s:b'"]],
    [String.raw`E'a\' b' c`, [String.raw`s:E'a\' b'`, 'w:c']],
    ["b'01' X'ff' n'x' U&'\\0041'", ["s:b'01'", "s:X'ff'", "s:n'x'", "s:U&'\\0041'"]],
    ['u & x u&x', ['w:u', 'o:&', 'w:x', 'w:u', 'o:&', 'w:x']],
    ['"a""b".U&"\\0061"', ['q:"a""b"', 'p:.', 'q:U&"\\0061"']],
    ['$$a;$b$$ $x$ $$ $y$ $x$', ['s:$$a;$b$$', 's:$x$ $$ $y$ $x$']],
    ['$1+$23 a$1$b', ['p:$1', 'o:+', 'p:$23', 'w:a$1$b']],
    [
      '1.5e-3 .5 1..2 0xFF 1_000',
      ['n:1.5e-3', 'n:.5', 'n:1', 'n:.', 'n:0xFF', 'n:1_000'].flatMap((each) => (each === 'n:.' ? ['p:.', 'n:.2'] : [each])),
    ],
    ['a--b;\n/* x /* y */ ; */c', ['w:a', 'w:c']],
    ['a<-1 a=-1 @-b a->>1', ['w:a', 'o:<', 'o:-', 'n:1', 'w:a', 'o:=', 'o:-', 'n:1', 'o:@-', 'w:b', 'w:a', 'o:->>', 'n:1']],
    ['a*--c\n/b/*c*/', ['w:a', 'o:*', 'o:/', 'w:b']],
    ['a::b:=c[1:2]', ['w:a', 'p:::', 'w:b', 'p::=', 'w:c', 'p:[', 'n:1', 'p::', 'n:2', 'p:]']],
    ['$', ['o:$']],
  ])('reads %s', (sql, expected) => expect(lex(sql)).toEqual(expected));

  it('reads plain strings with escapes when the server does', () => {
    expect(lex(String.raw`'a\' b' c`, { standardConformingStrings: false })).toEqual([String.raw`s:'a\' b'`, 'w:c']);
  });

  it('joins constants continued on another line, and only those', () => {
    expect(values("'a'\n 'b' -- c\n 'd'")).toEqual(['abd']);
    expect(values("'a' 'b'")).toEqual(['a', 'b']);
    expect(lex(String.raw`E'a'${'\n'}'b\'c' d`)).toEqual([String.raw`s:E'a'${'\n'}'b\'c'`, 'w:d']);
  });

  it('resolves values', () => {
    expect(values(String.raw`Äb "A""b" U&"d\0061t\+000061\\" 'it''s' E'\n\x41\101\u00e9\U00000042\X\'\q''' U&'\0041' $x$a'b$x$`)).toEqual([
      'Äb',
      'A"b',
      'data\\',
      "it's",
      "\nAAéBX'q'",
      'A',
      "a'b",
    ]);
    expect(values(String.raw`'a\'b'`, { standardConformingStrings: false })).toEqual(["a'b"]);
  });

  it.each(["'", "E'\\", '"', 'U&"', '$a$', '/* /*', '--', "'a'\n'", "U&'", '\\', '\u0000'])('never fails on the torso %j', (sql) => {
    for (const token of tokens(sql)) expect(token.end).toBeGreaterThan(token.start);
    values(sql);
  });
});

describe('splitStatements', () => {
  it.each<[string, string[]]>([
    ['', []],
    [' ; ;-- x\n;', []],
    ['select 1', ['select 1']],
    ['select 1; select 2 ;', ['select 1', 'select 2']],
    ['select \';\' ; select $$;$$; -- ;\n select ";" /* ; */ ; end', ["select ';'", 'select $$;$$', 'select ";"', 'end']],
    [
      'create rule r as on insert to t do (select 1; select 2); select 3',
      ['create rule r as on insert to t do (select 1; select 2)', 'select 3'],
    ],
    [
      'create or replace function f() returns int begin atomic select case when true then 1 end; select 2; end; select 3',
      ['create or replace function f() returns int begin atomic select case when true then 1 end; select 2; end', 'select 3'],
    ],
    ['begin; select 1; end; select 2', ['begin', 'select 1', 'end', 'select 2']],
    ['prepare a as select 1; prepare b as select $1', ['prepare a as select 1', 'prepare b as select $1']],
    [') ; select 1', [')', 'select 1']],
  ])('cuts %s', (sql, expected) => expect(pieces(sql)).toEqual(expected));

  it('leaves nothing but blanks and semicolons between pieces, whatever the text', () => {
    const parts = [
      "'",
      "''",
      '"',
      '$$',
      '$a$',
      ';',
      '(',
      ')',
      '--',
      '\n',
      '/*',
      '*/',
      ' ',
      'a',
      'E',
      'U&',
      '\\',
      '1.',
      '$1',
      'begin',
      'create function',
      'end',
      '=',
      'é',
      '\u{1f600}',
      '\0',
    ];
    for (let round = 0; round < 5000; round++) {
      const sql = Array.from({ length: round % 30 }, () => parts[Math.floor(Math.random() * parts.length)]).join('');
      let at = 0;
      for (const { start, end } of [...splitStatements(sql), { start: sql.length, end: sql.length }]) {
        const gap = sql.slice(at, start);
        let rest = skipBlank(gap, 0);
        while (gap[rest] === ';') rest = skipBlank(gap, rest + 1);
        expect({ sql, left: gap.slice(rest) }).toEqual({ sql, left: '' });
        at = end;
      }
      customSettingNames(sql);
      preparedName(sql);
    }
  });
});

describe('statementKind', () => {
  it.each([
    ['select 1', 'SELECT'],
    ['  \n\t SeLeCt', 'SELECT'],
    ['/* a /* b */ */ -- c\n (( select', 'SELECT'],
    ['BEGIN;', 'BEGIN'],
    ['Analyze t', 'ANALYZE'],
    ['frobnicate x', 'FROBNICATE'],
    ['abcdefghijklmnopqrstuvwxyz', 'ABCDEFGHIJKLMNOP'],
    ['selecd', 'SELECD'],
    ['', ''],
    ['   ', ''],
    ['-- only', ''],
    ['/* open', ''],
    [';', ''],
    ['"quoted"', ''],
    ['é', ''],
  ])('of %j is %j', (sql, expected) => expect(kind(sql)).toBe(expected));

  it('stays inside its range', () => {
    expect(statementKind(Buffer.from('xselect'), 1, 4)).toBe('SEL');
    expect(statementKind(Buffer.from('/* a */select'), 0, 5)).toBe('');
  });

  it('tells apart common words that begin alike', () => {
    for (const word of [
      'SELECT',
      'INSERT',
      'REINDEX',
      'REFRESH',
      'RELEASE',
      'REVOKE',
      'COMMIT',
      'COMMENT',
      'DECLARE',
      'DISCARD',
      'DEALLOCATE',
      'EXECUTE',
      'EXPLAIN',
      'ANALYZE',
    ]) {
      expect(kind(word.toLowerCase())).toBe(word);
    }
  });
});

describe('customSettingNames', () => {
  const none = { boundParameters: [], dynamic: false };
  it.each([
    ["SET app.user_id = '42'", ['app.user_id']],
    ['set SESSION App.User to 42', ['app.user']],
    ['SET LOCAL "App"."User Id" = 1', ['App.User Id']],
    ['SET "a.b" = 1', ['a.b']],
    ['set session.x = 1', ['session.x']],
    ['SET/**/a /* = */ . b TO DEFAULT', ['a.b']],
    ['SET a.b.c=1; SET d.e=-1; set A.B.C = 2', ['a.b.c', 'd.e']],
    ["SELECT set_config('app.user_id', $1, false)", ['app.user_id']],
    ["select pg_catalog . \"set_config\" ( 'a.b'::pg_catalog.text , 'x', true)", ['a.b']],
    [String.raw`select Set_Config(E'a\x2eb', 'x', true), set_config($$c.d$$, '', true)`, ['a.b', 'c.d']],
    ["do $$begin set local a.b = 1; perform set_config('c.d', '', false); end$$", ['a.b', 'c.d']],
    ["do 'begin set a.b = 1; end'", ['a.b']],
    ["create function f() returns void language sql set a.b = 1 as $f$ select set_config('c.d', '', true) $f$", ['a.b', 'c.d']],
    ['alter role me set a.b = 1', ['a.b']],
    ["do $x$ begin execute 'set a.b = 1'; end $x$", ['a.b']],
  ])('finds them in %s', (sql, names) => {
    expect(customSettingNames(sql)).toEqual({ ...none, names });
    expect(mentions(sql)).toBe(true);
  });

  it.each([
    "SET TimeZone = 'Europe/Berlin'",
    'SET search_path TO a, b',
    "select set_config('TimeZone', 'UTC', false)",
    'update t set a.b = 1',
    "select 'set a.b = 1'",
    '-- set a.b = 1',
    'select offset_set.a from t as set',
  ])('finds none in %s', (sql) => expect(customSettingNames(sql)).toEqual({ ...none, names: [] }));

  it.each([
    ['select set_config($1, $2, false), set_config($3::text, $4, true)', [1, 3], false],
    ['select set_config(n, v, false) from x', [], true],
    ['select set_config($1 || $2, v, false)', [], true],
    ["select set_config('a.' || $1, '', false)", [], true],
    ['select set_config(', [], true],
    ['prepare p as select set_config($1, $2, false)', [1], true],
    [String.raw`select U&"set!005fconfig" UESCAPE '!' ('a.b', '', true)`, [], true],
  ])('tells what cannot be read in %s', (sql, boundParameters, dynamic) => {
    expect(customSettingNames(sql)).toMatchObject({ boundParameters, dynamic });
    expect(mentions(sql)).toBe(true);
  });

  it('is bounded on hostile texts', () => {
    const nested = 'do $a$ do $b$ do $c$ do $d$ do $e$ set a.b = 1 $e$ $d$ $c$ $b$ $a$';
    expect(customSettingNames(nested).names).toEqual([]);
    const started = performance.now();
    customSettingNames(`do ${'$a$ set x.y = 1 '.repeat(20_000)}`);
    expect(performance.now() - started).toBeLessThan(2000);
  });
});

describe('mentionsCustomSettings', () => {
  it.each([
    'select 1',
    'update t set a = 1.5',
    'select * from t limit 1 offset 10',
    "set timezone to 'a.b'",
    'select settings.x from settings',
    'alter table t set (x.y = 1)',
    '',
  ])('spares %s', (sql) => expect(mentions(sql)).toBe(false));
  it('stays inside its range', () => {
    expect(mentionsCustomSettings(Buffer.from('set a.b = 1'), 0, 5)).toBe(false);
    expect(mentionsCustomSettings(Buffer.from('select set_config('), 0, 14)).toBe(false);
  });

  it.each(['create (local = $1set"a.b"=1', 'create $1set a.b = 1'])('sees a word right behind a parameter: %s', (sql) => {
    expect(customSettingNames(sql).names).not.toEqual([]);
    expect(mentions(sql)).toBe(true);
  });

  it('is true wherever customSettingNames finds something', () => {
    const parts = [
      'SET ',
      'set',
      ' session ',
      'local ',
      'a.b',
      '"a.b"',
      '"x".',
      'c',
      '.',
      ' = ',
      ' TO ',
      "'",
      "''",
      '$$',
      ';',
      '\n',
      '--',
      '/*',
      '*/',
      'do ',
      'create ',
      "E'",
      '\\n',
      'set_config',
      '(',
      "'a.b'",
      ',',
      '$1',
      ')',
      ' ',
      '=',
      'U&"set\\005fconfig"',
    ];
    let found = 0;
    for (let round = 0; round < 100_000; round++) {
      const sql = Array.from({ length: 1 + (round % 14) }, () => parts[Math.floor(Math.random() * parts.length)]).join('');
      const { names, boundParameters, dynamic } = customSettingNames(sql);
      if (names.length + boundParameters.length === 0 && !dynamic) continue;
      found++;
      expect({ sql, seen: mentions(sql) }).toEqual({ sql, seen: true });
    }
    expect(found).toBeGreaterThan(500);
  });
});

describe('preparedName', () => {
  it.each([
    ['PREPARE Foo AS select 1', 'foo'],
    ['prepare "Foo ""x"""(int, numeric(4,2)) as select $1', 'Foo "x"'],
    ['/* c */ prepare p /* c */ as select 1;', 'p'],
    [`prepare ${'x'.repeat(70)} as select 1`, 'x'.repeat(63)],
    [`prepare "${'x'.repeat(62)}é" as select 1`, 'x'.repeat(62)],
    ['prepare transaction as select 1', 'transaction'],
  ])('of %s is %s', (sql, name) => expect(preparedName(sql)).toBe(name));
  it.each([
    "prepare transaction 'x'",
    'prepare',
    'prepare p',
    'prepare p(int',
    'execute p',
    'prepare 1 as select 1',
    'select 1; prepare p as select 1',
    '',
  ])('of %s is none', (sql) => expect(preparedName(sql)).toBeNull());
});

describe('RESET of a custom setting', () => {
  it.each(['RESET app.a', 'reset "app".b', 'select 1; reset app.c;', 'begin;RESET/**/app.d'])('makes its name a candidate: %s', (sql) => {
    const bytes = Buffer.from(sql);
    expect(mentionsCustomSettings(bytes, 0, bytes.length)).toBe(true);
    expect(customSettingNames(sql).names).toHaveLength(1);
  });

  it('is not every RESET', () => {
    for (const sql of ['RESET work_mem', 'RESET ALL', 'select 1 offset a.b', 'alter role x reset all']) {
      expect(customSettingNames(sql).names).toEqual([]);
    }
  });
});
