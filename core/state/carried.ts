/** What a session carries from one server connection to another: the difference between its state and that of its startup. */
import { createHash } from 'node:crypto';
import { prepareText } from './prepare-text.ts';
import { parseKeyOf, parseSettingsOf, type ParseSettings } from './parse-settings.ts';
import { settingKey } from './queries.ts';
import type { SessionStateCapture } from './state.ts';

/** A statement under the client's own name. */
export interface NativeStatement {
  readonly name: string;
  /** As it is parsed again: of an SQL-level PREPARE the PREPARE alone, without the neighbours it arrived with. */
  readonly text: string;
  readonly fromSql: boolean;
  readonly parameterTypes: readonly number[];
  /** What differed from the startup when it was parsed; null: not known, and it may matter (see `pinsIn`). */
  readonly parseSettings: ParseSettings | null;
}

/** See the head of this file. What is missing in it is as after the startup. */
export interface CarriedState {
  /** Settings that were set in the session, by the name `pg_settings` has; the value as `set_config` takes it. */
  readonly settings: ReadonlyMap<string, string>;
  /** Custom settings that exist; `''` after SET LOCAL or RESET, because a name once made stays. */
  readonly custom: ReadonlyMap<string, string>;
  /** Custom settings that may or may not exist, `''` if they do: a connection that somebody else's DISCARD ALL left behind. */
  readonly leftovers: ReadonlySet<string>;
  /** Null: the startup's own; else the argument of SET ROLE, `none` included. */
  readonly role: string | null;
  /** Only statements under the client's own names may be prepared, none of the proxy's. */
  readonly isNative: boolean;
  readonly statements: readonly NativeStatement[];
  /** How its texts travel. */
  readonly textEncoding: 'utf8' | 'latin1';
  /** Equal tags: equal states. `''`: as after the startup. */
  readonly tag: string;
}

/** What `carriedFrom` cannot read from the server. */
export interface CarriedOptions {
  /** The session's statements are prepared under its own names. */
  readonly isNative?: boolean;
  /** Its state before: statements that are still the same keep their parse settings, hidden settings their values. */
  readonly previous?: CarriedState;
  /** Settings that a Parse depends on may have been others in between than before and now: SET LOCAL, for example. */
  readonly settingsMoved?: boolean;
}

/** Shown to superusers only, but settable in a session: out of sight while a role without these rights is set. */
const HIDDEN_SETTINGS: readonly string[] = ['dynamic_library_path', 'extension_control_path', 'session_preload_libraries'];
/** They belong to a transaction, or have a place of their own in the state. */
const NOT_CARRIED = new Set(['transaction_isolation', 'transaction_read_only', 'transaction_deferrable', 'role', 'session_authorization']);

/** A string, or the NULL of `x = NULL`: what is read at Parse as the settings say. Names are looked up again when their path changes. */
const HAS_CONSTANT = /'|\$\$|\$[^\d\s]|\bnull\b/i;

/** A session that has set nothing. */
export const cleanState: CarriedState = stateOf({});

/** A state from its parts; those left out are as after the startup. */
export function stateOf(parts: Partial<Omit<CarriedState, 'tag'>>): CarriedState {
  const state = {
    settings: parts.settings ?? new Map<string, string>(),
    custom: parts.custom ?? new Map<string, string>(),
    leftovers: parts.leftovers ?? new Set<string>(),
    role: parts.role ?? null,
    isNative: parts.isNative ?? false,
    statements: parts.statements ?? [],
    textEncoding: parts.textEncoding ?? 'utf8',
  };
  return { ...state, tag: tagOf(state) };
}

function tagOf({ settings, custom, leftovers, role, isNative, statements }: Omit<CarriedState, 'tag'>): string {
  if (settings.size + custom.size + leftovers.size + statements.length === 0 && role === null && !isNative) return '';
  const byName = (a: readonly [string, ...unknown[]], b: readonly [string, ...unknown[]]): number =>
    a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0;
  const list = statements
    .map(
      ({ name, text, fromSql, parameterTypes, parseSettings }) =>
        [name, text, fromSql, parameterTypes, parseSettings && [...parseSettings]] as const,
    )
    .toSorted(byName);
  const all = [[...settings].toSorted(byName), [...custom].toSorted(byName), [...leftovers].toSorted(), role, isNative, list];
  return createHash('sha256').update(JSON.stringify(all)).digest('base64url');
}

/**
 * What of a captured session is to be carried. Both captures by the same means (`look`), the baseline right after a startup with the same
 * parameters. What cannot be carried is not in it: see `pinsIn`.
 */
export function carriedFrom(capture: SessionStateCapture, baseline: SessionStateCapture, options: CarriedOptions = {}): CarriedState {
  const settings = new Map<string, string>();
  const custom = new Map<string, string>();
  const take = (name: string, value: string): void => {
    // A dotted name is a setting only where the library that knows it is loaded; elsewhere it is a custom one.
    if (name.includes('.')) custom.set(settingKey(name), value);
    else settings.set(name, value);
  };
  for (const [name, { value, source }] of capture.settings) if (source === 'session' && !NOT_CARRIED.has(name)) take(name, value);
  for (const [name, value] of capture.guarded) {
    const before = baseline.guarded.get(name) ?? baseline.settings.get(name)?.value;
    if (before !== undefined && before !== value) take(name, value);
  }
  for (const [name, value] of capture.custom) {
    if (!custom.has(settingKey(name)) && baseline.custom.get(name) !== value) custom.set(settingKey(name), value);
  }
  const role = capture.role === baseline.role ? null : capture.role;
  if (role !== null) {
    for (const name of HIDDEN_SETTINGS) {
      const value = options.previous?.settings.get(name);
      if (value !== undefined && !capture.settings.has(name)) settings.set(name, value);
    }
  }
  return stateOf({
    settings,
    custom,
    role,
    isNative: options.isNative ?? capture.statements.length > 0,
    statements: statementsOf(capture, parseSettingsOf(settings, role), options),
    textEncoding: capture.textEncoding,
  });
}

function statementsOf(
  capture: SessionStateCapture,
  present: ParseSettings,
  { previous, settingsMoved }: CarriedOptions,
): NativeStatement[] {
  const before = new Map((previous?.statements ?? []).map((statement) => [statement.name, statement]));
  const isSure =
    settingsMoved !== true &&
    (previous === undefined || parseKeyOf(parseSettingsOf(previous.settings, previous.role)) === parseKeyOf(present));
  const standard = capture.settings.get('standard_conforming_strings')?.value !== 'off';
  const carried: NativeStatement[] = [];
  for (const { name, text: listed, fromSql, parameterTypes } of capture.statements) {
    const text = listed !== null && fromSql ? prepareText(name, listed, standard) : listed;
    if (text === null) continue;
    const same = before.get(name);
    const isSame =
      same !== undefined && same.text === text && same.fromSql === fromSql && same.parameterTypes.join() === parameterTypes.join();
    const parseSettings = isSame ? same.parseSettings : isSure || !HAS_CONSTANT.test(text) ? present : null;
    carried.push({ name, text, fromSql, parameterTypes, parseSettings });
  }
  return carried;
}

/**
 * What a connection with this state carries after DISCARD ALL: of custom settings the names stay. `names`: those that its last session
 * may have made; `baseline`: whose own custom settings go back to their values.
 */
export function placeholdersOf(state: CarriedState, names: Iterable<string> = [], baseline?: SessionStateCapture): CarriedState {
  const leftovers = new Set<string>();
  for (const name of [...state.leftovers, ...state.custom.keys(), ...names]) {
    if (baseline?.custom.has(name) !== true) leftovers.add(settingKey(name));
  }
  return leftovers.size === 0 ? cleanState : stateOf({ leftovers });
}
