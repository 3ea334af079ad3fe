/** Whoever reads a captured statement reads no secret in it. */
import { describe, expect, it } from 'vitest';
import { namesSecret, redacted, TEXT_LIMIT } from '../../core/sql/redact.ts';

function kept(sql: string, complete = true): ReturnType<typeof redacted> {
  const bytes = Buffer.from(sql);
  return redacted(bytes, 0, bytes.length, complete);
}

const HIDDEN = 'hunter2';

describe('a statement that speaks of a secret', () => {
  it.each([
    `ALTER ROLE clerk PASSWORD '${HIDDEN}'`,
    `alter user clerk with encrypted password E'${HIDDEN}' valid until 'infinity'`,
    `CREATE ROLE clerk LOGIN PassWord $$${HIDDEN}$$`,
    `CREATE USER clerk /* of the shop */ PASSWORD\n'${HIDDEN}'\n'${HIDDEN}'`,
    `DO $x$ BEGIN ALTER ROLE clerk PASSWORD '${HIDDEN}'; END $x$`,
    `SELECT 1; ALTER ROLE clerk PASSWORD '${HIDDEN}'; SELECT 2`,
    `CREATE USER MAPPING FOR me SERVER s OPTIONS (user 'me', password '${HIDDEN}')`,
    `CREATE USER MAPPING FOR me SERVER s OPTIONS (user '${HIDDEN}')`,
    `CREATE SUBSCRIPTION s CONNECTION 'host=a ${HIDDEN}' PUBLICATION p`,
    `SELECT dblink_connect('host=a user=me pass=${HIDDEN}')`,
    `SELECT crypt('${HIDDEN}', gen_salt('bf'))`,
    `SELECT pgp_sym_encrypt('data', '${HIDDEN}')`,
    `SET app.api_token = '${HIDDEN}'`,
    `SET app.api_token TO ${HIDDEN}`,
    `SELECT set_config('app.jwt', '${HIDDEN}', false)`,
    `SELECT * FROM accounts WHERE secret = '${HIDDEN}'`,
    `INSERT INTO urls VALUES ('postgres://me:${HIDDEN}@host/db')`,
    `EXECUTE log_in('me', '${HIDDEN}')`,
    `/* password ${HIDDEN} */ SELECT 1`,
    `SELECT 1 -- token ${HIDDEN}`,
    `SELECT '-----BEGIN PRIVATE ${HIDDEN}'`,
    `ALTER ROLE clerk PASSWORD '${HIDDEN}`,
    `ALTER ROLE clerk PASSWORD 'a\\'${HIDDEN}'`,
  ])('%s', (sql) => {
    const { text, isRedacted } = kept(sql);
    expect(text).not.toContain(HIDDEN);
    expect(isRedacted).toBe(true);
  });

  it('keeps everything else, so that it can be recognised', () => {
    expect(kept(`ALTER ROLE clerk   PASSWORD '${HIDDEN}' VALID UNTIL 'infinity'`).text).toBe('ALTER ROLE clerk PASSWORD ? VALID UNTIL ?');
  });
});

it('leaves other statements as they are', () => {
  const sql = "SELECT *\nFROM orders -- the newest\nWHERE placed > '2026-11-01' AND id = 4711";
  expect(kept(sql)).toEqual({ text: sql, isCut: false, isRedacted: false });
});

it('cuts what is long, and takes the constants from what it does not read to the end', () => {
  const long = kept(`SELECT '${'x'.repeat(TEXT_LIMIT)}'`);
  expect(long).toMatchObject({ isCut: true, isRedacted: false });
  expect(long.text).toHaveLength(TEXT_LIMIT);
  // A secret may be spoken of where nobody reads any more.
  expect(kept(`SELECT '${HIDDEN}', ${'1 + '.repeat(30_000)} 1`)).toMatchObject({ isCut: true, isRedacted: true });
  expect(kept(`SELECT '${HIDDEN}', ${'1 + '.repeat(30_000)} 1`).text).not.toContain(HIDDEN);
  expect(kept(`SELECT '${HIDDEN}'`, false).text).not.toContain(HIDDEN);
});

it('knows the names of settings that hold secrets', () => {
  expect(['app.api_token', 'my.PASSWORD', 'request.jwt.claims', 'x.private_key'].map(namesSecret)).toEqual([true, true, true, true]);
  expect(['search_path', 'TimeZone', 'password_encryption', 'app.user_id'].map(namesSecret)).toEqual([false, false, false, false]);
});
