import { describe, expect, it } from 'vitest';
import { digest, DIGEST_LIMIT } from '../../core/sql/digest.ts';

function of(text: string | Buffer): string {
  const bytes = Buffer.concat([Buffer.from('head '), Buffer.from(text), Buffer.from(" 'tail")]);
  return digest(bytes, 5, bytes.length - 6);
}

describe('a digest', () => {
  it.each([
    ["SELECT 'secret'", 'SELECT ?'],
    ["SELECT 'it''s secret' , 42,-1.5e3, $1", 'SELECT ? , ?,-?, $1'],
    ["SELECT E'se\\'cret', N'secret', B'0101', X'1F', U&'secret' UESCAPE '!'", 'SELECT ?, ?, ?, ?, ? UESCAPE ?'],
    ['SELECT $$secret$$, $a$sec$$ret$a$', 'SELECT ?, ?'],
    ["SELECT 'sec'\n'ret'", 'SELECT ?'],
    ['SELECT /* secret /* secret */ */ 1 -- secret', 'SELECT ?'],
    ['  SELECT\n\t1;  SELECT  2  ', 'SELECT ?; SELECT ?'],
    ["SET my.tenant = secret, 'secret'; SELECT 1", 'SET my.tenant = ?; SELECT ?'],
    ['SET SESSION my.tenant TO secret', 'SET SESSION my.tenant TO ?'],
    ['ALTER ROLE a SET my.key TO secret', 'ALTER ROLE a SET my.key TO ?'],
    ["ALTER ROLE a PASSWORD 'secret'", 'ALTER ROLE a PASSWORD ?'],
    ['UPDATE t SET a = b + 1 WHERE c = 2', 'UPDATE t SET a = b + ? WHERE c = ?'],
    ['SELECT "a""b"::int4, a[1:2]', 'SELECT "a""b"::int4, a[?:?]'],
    ['SELECT näme, 1', 'SELECT näme, ?'],
    ['', ''],
  ])('of %s', (text, expected) => {
    expect(of(text)).toBe(expected);
  });

  it.each([
    ["SELECT a, 'x\\' , secret'", 'SELECT a,…'],
    ["SELECT a, 'x' , b'", 'SELECT a, ? ,…'],
    ["SELECT 'O'secret'", 'SELECT ?…'],
    ["SELECT 'secret", 'SELECT…'],
    ['SELECT 0123abcsecret', 'SELECT ?…'],
    ['SELECT 10.0.0.1', 'SELECT ?…'],
    ['SELECT $1secret', 'SELECT $1…'],
    ['SELECT $ä$ secret $ä$', 'SELECT…'],
    ['SELECT $x$ secret', 'SELECT…'],
    ['SELECT "secret', 'SELECT…'],
    ['SELECT \\secret', 'SELECT…'],
    [Buffer.from([0x53, 0x45, 0x54, 0x20, 0x45, 0x27, 0x95, 0x5c, 0x27, 0x20, 0x78, 0x27]), 'SET…'],
    [Buffer.from([0x41, 0x20, 0x27, 0x95, 0x5c, 0x5c, 0x27, 0x20, 0x78, 0x20, 0x27]), 'A…'],
  ])('ends where it is not sure: %s', (text, expected) => {
    expect(of(text)).toBe(expected);
  });

  it('is short, and quickly made of a long text', () => {
    expect(of(`SELECT ${'abcdefghi, '.repeat(50)}`)).toHaveLength(DIGEST_LIMIT);
    expect(of(`SELECT '${'x'.repeat(10_000_000)}'`)).toBe('SELECT…');
    expect(of(`SELECT ${'😀'.repeat(300)}`)).toMatch(/^SELECT 😀+…$|^SELECT ?…$/u);
    expect(of(`${' '.repeat(70_000)} SELECT 'x'`)).toBe('…');
  });
});
