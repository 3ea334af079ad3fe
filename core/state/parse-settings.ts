/**
 * What a statement depends on at the moment of its Parse: constants are folded then, strings are read then, names are looked up then
 * (postgres-session-state.md 6.3, pooling.md 3.4). Two statements of the same text are the same only if these were equal.
 */

/**
 * Names as `pg_settings` has them, and `role`: the search path may contain it, and names are looked up with its rights. The last three are
 * read by input functions of constants (`xml`, arrays, `money`).
 */
export const PARSE_SETTINGS: readonly string[] = [
  'client_encoding',
  'standard_conforming_strings',
  'backslash_quote',
  'DateStyle',
  'IntervalStyle',
  'TimeZone',
  'timezone_abbreviations',
  'search_path',
  'role',
  'transform_null_equals',
  'array_nulls',
  'lc_monetary',
  'xmloption',
];

/** Settings of the list above that differ from the session's startup, by name; `role` among them. */
export type ParseSettings = ReadonlyMap<string, string>;

/** Those of a session's settings that a Parse depends on. Names may be in any case; other settings are left out. */
export function parseSettingsOf(settings: ReadonlyMap<string, string>, role: string | null = null): ParseSettings {
  const found = new Map<string, string>();
  for (const name of PARSE_SETTINGS) {
    const value = settings.get(name) ?? settings.get(name.toLowerCase());
    if (value !== undefined) found.set(name, value);
  }
  if (role !== null) found.set('role', role);
  return found;
}

/** Equal keys: a statement parsed under one is as good as one parsed under the other. `''`: everything as after startup. */
export function parseKeyOf(settings: ReadonlyMap<string, string>): string {
  const found = parseSettingsOf(settings);
  return found.size === 0 ? '' : JSON.stringify([...found]);
}
