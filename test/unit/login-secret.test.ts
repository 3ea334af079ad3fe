import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openLoginSecret } from '../../main/login-secret.ts';
import { text } from '../support/matching.ts';

let folder = '';
let complaints: string[] = [];
const open = (): Buffer => openLoginSecret(path.join(folder, 'settings.json'), (error) => complaints.push(String(error)));
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'switchyard-secret-'));
  complaints = [];
});
afterEach(() => rmSync(folder, { recursive: true }));

it('is made once, for its owner only, and read from then on', () => {
  const secret = open();
  expect(secret).toHaveLength(32);
  expect(open()).toEqual(secret);
  expect(readdirSync(folder)).toEqual(['login-secret']);
  if (process.platform !== 'win32') expect(statSync(path.join(folder, 'login-secret')).mode & 0o777).toBe(0o600);
  expect(complaints).toEqual([]);
});

it('that is something else is left alone, and said', () => {
  writeFileSync(path.join(folder, 'login-secret'), 'mine');
  const secret = open();
  expect(secret).toHaveLength(32);
  expect(open()).not.toEqual(secret);
  expect(readFileSync(path.join(folder, 'login-secret'), 'utf8')).toBe('mine');
  expect(readdirSync(folder)).toEqual(['login-secret']);
  expect(complaints).toEqual([text('not 32 bytes'), text('not 32 bytes')]);
});

it('that has no folder to lie in serves until the end', () => {
  const secret = openLoginSecret(path.join(folder, 'none', 'settings.json'), (error) => complaints.push(String(error)));
  expect(secret).toHaveLength(32);
  expect(complaints).toHaveLength(1);
});
