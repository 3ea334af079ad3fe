/** The statements that the dialect server knows (section 9 of the reference, "behaviour SQL"); everything else is a syntax error. */
import type { ConversationContext, Outcome, Plan, SessionState } from './session-state.ts';
import { ParameterTypes, readExpression } from './expressions.ts';
import { planSelect } from './select.ts';
import { SqlError } from './sql-error.ts';
import { cut, identifier, notUnderstood, valueText } from './sql-text.ts';
import { deserializeSession, showTransferState } from './transfer-state.ts';
import { Oid, typeOid } from './types.ts';

const NAME = String.raw`("(?:[^"]|"")+"|[\w.]+)`;

/** Reads one statement in a session. Throws `SqlError`. */
export function planOf(sql: string, hints: readonly number[], session: SessionState): Plan {
  const text = sql.trim().replace(/;\s*$/, '').trim();
  for (const [pattern, read] of grammar) {
    const match = pattern.exec(text);
    if (match !== null) return read(match.slice(1), text, hints, session);
  }
  throw notUnderstood(text);
}

type Read = (parts: readonly (string | undefined)[], text: string, hints: readonly number[], session: SessionState) => Plan;

function pattern(...words: string[]): RegExp {
  return new RegExp(`^${words.join(String.raw`\s*`)}$`, 'is');
}

/** A statement without rows or parameters. */
function command(run: (context: ConversationContext) => Outcome, runsInFailed = false): Plan {
  return { parameters: [], columns: null, ...(runsInFailed ? { runsInFailed: true } : {}), run: (_values, context) => run(context) };
}

const told = (parameter: [string, string] | null): { parameters: [string, string][] } => ({
  parameters: parameter === null ? [] : [parameter],
});

const grammar: readonly (readonly [RegExp, Read])[] = [
  [/^show transfer state(?:\s+with\s+'((?:[^']|'')*)')?$/i, ([key]) => showTransferState(key ?? null)],
  [
    /^select\s+crdb_internal\.deserialize_session\s*\(\s*decode\s*\(\s*'([^']*)'\s*,\s*'base64'\s*\)\s*\)$/i,
    ([state = '']) => deserializeSession(state),
  ],
  [/^select\b/i, (_parts, text, hints) => planSelect(text, hints)],
  [
    /^(?:begin|start transaction)\b.*$/is,
    () =>
      command(({ session }) => {
        if (session.status !== 'I') throw new SqlError('25001', 'there is already a transaction in progress');
        session.begin();
        return { command: 'BEGIN' };
      }),
  ],
  [/^(?:commit|end)\b.*$/is, () => command((context) => finish(context, true), true)],
  [/^(?:rollback|abort)\b.*$/is, () => command((context) => finish(context, false), true)],
  [
    /^show\s+cluster\s+setting\s+([\w.]+)$/i,
    ([name = '']) => shown(name, ({ cluster }) => clusterSetting(name, cluster.revivalTokens, cluster.maxSessionSize)),
  ],
  [
    /^show all$/i,
    () => ({
      parameters: [],
      columns: [
        { name: 'variable', oid: Oid.text },
        { name: 'value', oid: Oid.text },
      ],
      run: (_values, { session }) => ({ command: 'SHOW', rows: session.settings.all() }),
    }),
  ],
  [/^show\s+(?:session\s+)?"?([\w.]+)"?$/i, ([name = '']) => shown(name.toLowerCase(), ({ session }) => session.settings.get(name))],
  [
    pattern(String.raw`set\s(?:\s*(?:session|local)\s)?`, NAME, String.raw`(?:=|\sto\s)`, '(.+)'),
    ([name = '', value = '']) =>
      command(({ session }) => {
        const text = /^default$/i.test(value.trim()) ? null : cut(value, ',').map(valueText).join(', ');
        return { command: 'SET', ...told(session.settings.set(identifier(name), text)) };
      }),
  ],
  [
    /^set\s+role\s+("[^"]+"|\w+)$/i,
    ([role = '']) => command(({ session }) => ({ command: 'SET', ...told(session.settings.set('role', identifier(role))) })),
  ],
  [/^reset all$/i, () => command(({ session }) => ({ command: 'RESET', parameters: session.settings.reset() }))],
  [
    pattern(String.raw`reset\s`, NAME),
    ([name = '']) => command(({ session }) => ({ command: 'RESET', ...told(session.settings.set(identifier(name), null)) })),
  ],
  [
    /^discard all$/i,
    () =>
      command((context) => {
        context.session.statements.clear();
        context.unlisten('*');
        return { command: 'DISCARD ALL', parameters: context.session.settings.reset() };
      }),
  ],
  [
    /^create\s+(?:temp|temporary)\s+table\b/i,
    () =>
      command(({ session }) => {
        session.hasTemporarySchema = true;
        return { command: 'CREATE TABLE' };
      }),
  ],
  [
    pattern(String.raw`create\s+table\s`, NAME, String.raw`(?:\(.*\))?`),
    ([name = '']) =>
      command(({ cluster }) => {
        if (cluster.tables.has(identifier(name))) throw new SqlError('42P07', `relation "${identifier(name)}" already exists`);
        cluster.tables.set(identifier(name), []);
        return { command: 'CREATE TABLE' };
      }),
  ],
  [
    pattern(String.raw`create\s+sequence\s`, NAME),
    ([name = '']) =>
      command(({ cluster }) => {
        cluster.sequences.set(identifier(name), 1n);
        return { command: 'CREATE SEQUENCE' };
      }),
  ],
  [
    pattern(String.raw`insert\s+into\s`, NAME, String.raw`values\s*\(`, '(.+)', String.raw`\)`),
    ([name = '', value = ''], _text, hints) => insert(name, value, hints),
  ],
  [
    pattern(String.raw`prepare\s`, NAME, String.raw`(?:\(([^)]*)\))?`, String.raw`\sas\s`, '(.+)'),
    ([name = '', types = '', sql = '']) =>
      command((context) => {
        const hints = types.trim() === '' ? [] : cut(types, ',').map(typeOid);
        context.session.prepare({ name: identifier(name), sql, hints, plan: context.plan(sql, hints) });
        return { command: 'PREPARE' };
      }),
  ],
  [
    pattern(String.raw`execute\s`, NAME, String.raw`(?:\((.*)\))?`),
    ([name = '', given = ''], _text, _hints, session) => {
      const { plan } = session.use(identifier(name));
      const values = given.trim() === '' ? [] : cut(given, ',').map(valueText);
      return { ...plan, parameters: [], run: (_values, context) => plan.run(values, context) };
    },
  ],
  [
    /^deallocate\s+(?:prepare\s+)?("[^"]+"|\w+)$/i,
    ([name = '']) =>
      command(({ session }) => {
        if (/^all$/i.test(name)) session.statements.clear();
        else session.statements.delete(session.use(identifier(name)).name);
        return { command: /^all$/i.test(name) ? 'DEALLOCATE ALL' : 'DEALLOCATE' };
      }),
  ],
  [
    pattern(String.raw`copy\s`, NAME, String.raw`(?:\([^)]*\))?`, String.raw`\s(from\s+stdin|to\s+stdout)\b.*`),
    ([name = '', direction = '']) => copy(identifier(name), /^from/i.test(direction)),
  ],
  [
    pattern(String.raw`listen\s`, NAME),
    ([channel = '']) =>
      command((context) => {
        context.listen(identifier(channel));
        return { command: 'LISTEN' };
      }),
  ],
  [
    pattern(String.raw`unlisten\s`, String.raw`("[^"]+"|\w+|\*)`),
    ([channel = '']) =>
      command((context) => {
        context.unlisten(identifier(channel));
        return { command: 'UNLISTEN' };
      }),
  ],
  [
    pattern(String.raw`notify\s`, NAME, String.raw`(?:,\s*'((?:[^']|'')*)')?`),
    ([channel = '', payload = '']) =>
      command(({ cluster, pid }) => {
        for (const listener of cluster.listeners.get(identifier(channel)) ?? []) {
          listener.notify(pid, identifier(channel), payload.replaceAll("''", "'"));
        }
        return { command: 'NOTIFY' };
      }),
  ],
];

function insert(name: string, value: string, hints: readonly number[]): Plan {
  const types = new ParameterTypes(hints);
  const expression = readExpression(value.trim(), types, []);
  return {
    parameters: types.all(),
    columns: null,
    run: async (values, context) => {
      const line = await expression.evaluate({ values, context, row: new Map() });
      tableOf(context.cluster.tables, name).push(line ?? String.raw`\N`);
      return { command: 'INSERT 0 1' };
    },
  };
}

function finish({ session }: ConversationContext, wanted: boolean): Outcome {
  const committed = wanted && session.status !== 'E';
  const parameters = session.finish(committed);
  return { command: committed ? 'COMMIT' : 'ROLLBACK', parameters };
}

function shown(name: string, value: (context: ConversationContext) => string): Plan {
  return {
    parameters: [],
    columns: [{ name, oid: Oid.text }],
    run: (_values, context) => ({ command: 'SHOW', rows: [[value(context)]] }),
  };
}

function clusterSetting(name: string, revivalTokens: boolean, maxSessionSize: number): string {
  if (name === 'server.user_login.session_revival_token.enabled') return revivalTokens ? 't' : 'f';
  if (name === 'sql.session_transfer.max_session_size') return String(maxSessionSize);
  throw new SqlError('42704', `unknown setting: "${name}"`);
}

function copy(name: string, isIn: boolean): Plan {
  return command(({ cluster }) => {
    const lines = tableOf(cluster.tables, name);
    if (!isIn) return { command: `COPY ${lines.length}`, copyOut: lines.map((line) => `${line}\n`) };
    return {
      command: 'COPY',
      copyIn: (data) => {
        const added = data.split('\n').filter((line) => line !== '' && line !== String.raw`\.`);
        lines.push(...added);
        return `COPY ${added.length}`;
      },
    };
  });
}

function tableOf(tables: ReadonlyMap<string, string[]>, name: string): string[] {
  const lines = tables.get(identifier(name));
  if (lines === undefined) throw new SqlError('42P01', `relation "${identifier(name)}" does not exist`);
  return lines;
}
