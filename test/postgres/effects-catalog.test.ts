/**
 * Makes core/sql/catalog-words.ts from real servers, and fails when it is not what they say. To write it anew:
 * `npx vitest run --config test/vitest.config.ts --project postgres test/postgres/effects-catalog.test.ts --update`
 */
import pg from 'pg';
import { expect, it } from 'vitest';
import { useCluster } from '../support/cluster.ts';

const servers = ([15, 16, 18] as const).map((major) => useCluster({ major }));

/** Functions that touch the session, run a text they are given as SQL, or are nobody's business: never taken for harmless. */
const notHarmless = [
  /^(set_config|setseed|nextval|setval|currval|lastval)$/,
  /^pg_(try_)?advisory_(un)?lock/,
  /^pg_backup_/,
  /replication_slot|^pg_logical_|^pg_replication_origin_/,
  /^(query|cursor|table|schema|database)_to_xml|^ts_stat$|^ts_rewrite$/,
  /^binary_upgrade_|^amvalidate$|_validator$|^pg_extension_config_dump$|^pg_stop_making_pinned_objects$|^pg_nextoid$/,
  /^pg_reload_conf$|^pg_promote$|^pg_import_system_collations$|^brin_|^gin_|^pg_event_trigger_/,
  /send$|typmodin$/,
];
/** Left out by the query below, as operators stand for them, and called by name all the same. */
const calledByName = /^(starts_with|array_cat|isempty|range_merge|jsonb_(concat|delete|delete_path|exists|exists_any|exists_all))$/;

const functionsSql = `SELECT p.proname AS name, bool_and(
    'internal'::regtype <> ALL (p.proargtypes) AND 'cstring'::regtype <> ALL (p.proargtypes)
    AND format_type(p.prorettype, NULL) !~ '^(internal|cstring|trigger|event_trigger)$|_handler$'
    AND NOT EXISTS (SELECT FROM pg_amproc a WHERE a.amproc = p.oid)
    AND NOT EXISTS (SELECT FROM pg_aggregate a WHERE p.oid IN (a.aggtransfn, a.aggfinalfn, a.aggcombinefn, a.aggmtransfn, a.aggminvtransfn, a.aggmfinalfn))
  ) AND NOT bool_and(coalesce(obj_description(p.oid, 'pg_proc'), '') LIKE 'implementation of %') AS plain
  FROM pg_proc p WHERE p.pronamespace = 'pg_catalog'::regnamespace GROUP BY 1`;

it('the words of SQL and the harmless functions are those of PostgreSQL 15, 16 and 18', async () => {
  const functions: Map<string, boolean>[] = [];
  const keywords: Map<string, string>[] = [];
  for (const server of servers) {
    const client = new pg.Client({ connectionString: server().url() });
    await client.connect();
    try {
      const found = await client.query<{ name: string; plain: boolean }>(functionsSql);
      functions.push(new Map(found.rows.map(({ name, plain }) => [name, plain])));
      const words = await client.query<{ word: string; catcode: string }>('SELECT word, catcode::text FROM pg_get_keywords()');
      keywords.push(new Map(words.rows.map(({ word, catcode }) => [word, catcode])));
    } finally {
      await client.end();
    }
  }
  const [oldest = new Map<string, boolean>()] = functions;
  const harmless = [...oldest.keys()].filter(
    (name) =>
      functions.every((each) => each.get(name) === true || (each.has(name) && calledByName.test(name))) &&
      !notHarmless.some((pattern) => pattern.test(name)),
  );
  const all = [...new Set(keywords.flatMap((each) => [...each.keys()]))];
  const never = all.filter((word) => keywords.every((each) => /[RC]/.test(each.get(word) ?? '')));
  const other = all.filter((word) => !never.includes(word));
  expect(harmless.length).toBeGreaterThan(500);
  await expect(source(never, other, harmless)).toMatchFileSnapshot('../../core/sql/catalog-words.ts');
});

function source(never: readonly string[], other: readonly string[], harmless: readonly string[]): string {
  return `/**
 * Words as PostgreSQL's catalogs have them. Made by test/postgres/effects-catalog.test.ts from servers of 15, 16 and 18:
 * npx vitest run --config test/vitest.config.ts --project postgres test/postgres/effects-catalog.test.ts --update
 */

/** Keywords that are no function's name unless quoted or qualified, in any of the versions. */
export const neverFunctions = \`
${filled(never)}
\`;

/** All other keywords of any of the versions. */
export const otherKeywords = \`
${filled(other)}
\`;

/**
 * Functions of pg_catalog that leave the session alone. Only names that every version has: one that an older server does not know may
 * be a user's there.
 */
export const harmlessFunctions = \`
${filled(harmless)}
\`;
`;
}

/** In lines of at most 140 characters, in alphabetical order. */
function filled(words: readonly string[]): string {
  const lines: string[] = [''];
  for (const word of words.toSorted()) {
    const line = lines.at(-1) ?? '';
    if (line.length + 1 + word.length > 140) lines.push(word);
    else lines[lines.length - 1] = line === '' ? word : `${line} ${word}`;
  }
  return lines.join('\n');
}
