/** The messages that turn one carried state into another. */
import { bind, close, execute, parse } from '../wire/messages.ts';
import type { CarriedState, NativeStatement } from './carried.ts';
import { PARSE_SETTINGS, parseKeyOf, type ParseSettings } from './parse-settings.ts';
import { SET_SETTINGS, textArray } from './queries.ts';
import { TIMEOUTS } from './timeouts.ts';

/** Some messages of a change that succeed or fail together. */
export interface ChangeStep {
  /** What it does; for a step that sets several settings, with those that the server's message names. */
  readonly describe: (message: string) => string;
  readonly frames: readonly Buffer[];
  /** Messages that the server answers when it succeeds. */
  readonly replies: number;
}

/** Set last; whatever role is set may set them. */
const isLate = (name: string): boolean => TIMEOUTS.has(name) || name === 'client_encoding';
/** A Parse locks what it names until the next Sync. */
const PARSES_PER_GROUP = 50;
const PARSED_WITHOUT_ENCODING = PARSE_SETTINGS.filter((name) => name !== 'client_encoding');

/** The steps, in groups of one Sync each. `encoding`: the connection's present client_encoding. */
export function changeGroups(from: CarriedState, to: CarriedState, encoding: string): ChangeStep[][] {
  return new Change(from, to, encoding).groups();
}

class Change {
  readonly #from: CarriedState;
  readonly #to: CarriedState;
  readonly #encoding: string;
  readonly #textEncoding: 'utf8' | 'latin1';
  /** What the connection has set at the point of the change that is being written; `role` among it. */
  readonly #present: Map<string, string>;
  readonly #groups: ChangeStep[][] = [[]];

  constructor(from: CarriedState, to: CarriedState, encoding: string) {
    this.#from = from;
    this.#to = to;
    this.#encoding = encoding;
    this.#textEncoding = to.tag === '' ? from.textEncoding : to.textEncoding;
    this.#present = allSettings(from);
  }

  groups(): ChangeStep[][] {
    const gone = this.#gone();
    const wanted = this.#wanted();
    const target = allSettings(this.#to);
    this.#makeNeutral([...gone, ...wanted]);
    if (this.#to.isNative && !this.#from.isNative) this.#run('DEALLOCATE ALL', 'DEALLOCATE ALL');
    for (const { name } of gone) this.#add(`the removal of prepared statement "${name}"`, [close('S', name, this.#textEncoding)], 1);
    const finalKey = parseKeyOf(only(target, PARSED_WITHOUT_ENCODING));
    const last: NativeStatement[] = [];
    const others = new Map<string, { settings: ParseSettings; statements: NativeStatement[] }>();
    for (const statement of wanted) {
      const { parseSettings } = statement;
      const key = parseSettings === null ? finalKey : parseKeyOf(only(parseSettings, PARSED_WITHOUT_ENCODING));
      const group = others.get(key);
      if (parseSettings === null || key === finalKey) last.push(statement);
      else if (group === undefined) others.set(key, { settings: parseSettings, statements: [statement] });
      else group.statements.push(statement);
    }
    for (const { settings, statements } of others.values()) {
      const parsing = new Map(this.#present);
      for (const name of PARSED_WITHOUT_ENCODING) replace(parsing, name, settings.get(name));
      this.#moveTo(parsing);
      this.#prepare(statements);
    }
    if (last.length > 0) {
      const early = new Map([...target].filter(([name]) => !isLate(name)));
      // Its client_encoding stays the neutral one until the last statement is parsed.
      replace(early, 'client_encoding', this.#present.get('client_encoding'));
      this.#moveTo(early);
      this.#prepare(last);
    }
    this.#moveTo(target);
    // What was parsed under the empty name is nobody's.
    this.#add('the end of the change', [close('S', '')], 1);
    return this.#groups;
  }

  #gone(): readonly NativeStatement[] {
    if (this.#to.isNative && !this.#from.isNative) return [];
    const stay = new Set(this.#to.statements.map(statementKey));
    return this.#from.statements.filter((statement) => !stay.has(statementKey(statement)));
  }

  #wanted(): readonly NativeStatement[] {
    const gone = new Set(this.#to.isNative && !this.#from.isNative ? [] : this.#from.statements.map(statementKey));
    return this.#to.statements.filter((statement) => !gone.has(statementKey(statement)));
  }

  /** Texts travel in the database's own terms, if they are more than ASCII. */
  #makeNeutral(statements: readonly NativeStatement[]): void {
    const neutral = this.#textEncoding === 'utf8' ? 'UTF8' : 'SQL_ASCII';
    if (this.#encoding === neutral) return;
    const texts = [
      ...statements.flatMap(({ name, text }) => [name, text]),
      ...[this.#from, this.#to].flatMap(({ settings, custom, role }) => [...settings, ...custom, role ?? ''].flat()),
    ];
    if (texts.every(isAscii)) return;
    this.#moveTo(new Map([...this.#present, ['client_encoding', neutral]]));
  }

  /** Sets what is to be set and resets what is not, in one statement. */
  #moveTo(target: ReadonlyMap<string, string>): void {
    const before = this.#present;
    const role = target.get('role');
    const resets = [...before.keys()].filter((name) => name !== 'role' && !target.has(name)).map((name) => [name, null] as const);
    const sets = [...target].filter(([name, value]) => name !== 'role' && before.get(name) !== value);
    const entries: (readonly [string, string | null])[] = [
      ...resets,
      ...sets.filter(([name]) => !isLate(name)),
      ...sets.filter(([name]) => TIMEOUTS.has(name)),
      ...sets.filter(([name]) => name === 'client_encoding'),
    ];
    const hasRole = before.has('role') || role !== undefined;
    // A setting may be the login's to set, and not the role's.
    if (hasRole && (entries.length > 0 || before.get('role') !== role)) {
      if (entries.length > 0) entries.unshift(['role', 'none']);
      entries.push(['role', role ?? null]);
    }
    if (entries.length === 0) return;
    const names = [...new Set(entries.map(([name]) => name))];
    this.#run(`setting ${names.join(', ')}`, SET_SETTINGS, entries, (message) => {
      const named = names.filter((name) => message.includes(`"${name}"`) || (name === 'role' && message.includes(`"${role ?? ''}"`)));
      return `setting ${(named.length > 0 ? named : names).join(', ')}`;
    });
    before.clear();
    for (const [name, value] of target) before.set(name, value);
  }

  #prepare(statements: readonly NativeStatement[]): void {
    for (const [index, { name, text, fromSql, parameterTypes }] of statements.entries()) {
      if (index > 0 && index % PARSES_PER_GROUP === 0) this.#groups.push([]);
      const label = `prepared statement "${name}"`;
      if (fromSql) this.#run(label, text);
      else this.#add(label, [parse(name, text, parameterTypes, this.#textEncoding)], 1);
    }
  }

  /** A statement under the empty name; with `entries`, one that returns a row. */
  #run(label: string, sql: string, entries?: readonly (readonly [string, string | null])[], describe?: ChangeStep['describe']): void {
    const encoding = this.#textEncoding;
    const parameters =
      entries === undefined ? [] : [textArray(entries.map(([name]) => name)), textArray(entries.map(([, value]) => value))];
    const frames = [parse('', sql, [], encoding), bind('', '', parameters, { encoding }), execute('')];
    this.#add(label, frames, entries === undefined ? 3 : 4, describe);
  }

  #add(label: string, frames: readonly Buffer[], replies: number, describe: ChangeStep['describe'] = () => label): void {
    this.#groups.at(-1)?.push({ describe, frames, replies });
  }
}

/** Equal keys: the same statement, prepared the same way. */
export function statementKey({ name, text, fromSql, parameterTypes, parseSettings }: NativeStatement): string {
  return JSON.stringify([name, text, fromSql, parameterTypes, parseSettings && [...parseSettings]]);
}

function allSettings({ settings, custom, role }: CarriedState): Map<string, string> {
  return new Map([...settings, ...custom, ...(role === null ? [] : [['role', role] as const])]);
}

function only(settings: ReadonlyMap<string, string>, names: readonly string[]): Map<string, string> {
  return new Map([...settings].filter(([name]) => names.includes(name)));
}

function replace(settings: Map<string, string>, name: string, value: string | undefined): void {
  if (value === undefined) settings.delete(name);
  else settings.set(name, value);
}

function isAscii(text: string): boolean {
  // eslint-disable-next-line no-control-regex
  return /^[\x00-\x7f]*$/.test(text);
}
