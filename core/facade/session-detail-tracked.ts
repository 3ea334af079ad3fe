/** What the proxy itself knows of a session's settings and statements, for when its server cannot be asked. */
import type { DetailSetting, DetailStatement, SessionDetail } from '../contract/index.ts';
import type { Session } from '../session/session.ts';
import { redacted } from '../sql/redact.ts';
import { statementKind } from '../sql/scan.ts';

/** Reported by every server, and nobody's doing. */
const CONSTANT = new Set([
  'server_version',
  'server_encoding',
  'integer_datetimes',
  'is_superuser',
  'session_authorization',
  'in_hot_standby',
  'crdb_version',
]);

/** `why` it was not asked, as a sentence. */
export function trackedSettings(session: Session, why: string): SessionDetail['settings'] {
  const { lease, snapshot, identity, forwarder } = session;
  const startup: DetailSetting[] = [...identity.startup].map(([name, value]) => settingOf(name, value, 'client'));
  if (lease.mode === 'transaction') {
    const { settings, custom, role } = lease.state;
    const own = [...settings, ...custom, ...(role === null ? [] : ([['role', role]] as const))];
    return {
      source: 'tracked',
      at: null,
      missing: `${why} These are what it had set at its last safe point; what they would be otherwise is not known.`,
      rows: merged(
        startup,
        own.map(([name, value]) => settingOf(name, value, 'session')),
      ),
    };
  }
  const state = snapshot?.state ?? null;
  if (state !== null) {
    const rows = [...state.settings].flatMap(([name, { value, source }]) => {
      const from = FROM.find((each) => each === source);
      return from === undefined ? [] : [settingOf(name, value, from)];
    });
    const isNow = snapshot?.requestAt === forwarder.link.requestAt;
    return {
      source: 'tracked',
      at: null,
      missing: `${why} These are as they were ${isNow ? 'when' : 'before its last statements, when'} it was looked at for the case that its server goes away; what they would be otherwise is not known.`,
      rows: merged(
        rows,
        [...state.custom].map(([name, value]) => settingOf(name, value, 'session')),
      ),
    };
  }
  const reported = [...forwarder.clientParameters]
    .filter(([name]) => !CONSTANT.has(name))
    .map(([name, value]) => settingOf(name, value, 'reported'));
  return {
    source: 'tracked',
    at: null,
    missing: `${why} These are what its client gave at its start and what its server reports by itself, whether it differs from the default or not; there may be more.`,
    rows: merged(
      reported,
      startup.filter(({ name, value }) => forwarder.clientParameters.get(name) === value || !forwarder.clientParameters.has(name)),
    ),
  };
}

/** Null: nothing is known, the names are the server's. */
export function trackedStatements(session: Session, wantsTexts: boolean): SessionDetail['statements'] | null {
  const { names } = session.forwarder.link;
  if (names === null || names.isNative) return null;
  const rows = names.names().map(({ name, frame }) => {
    const shown = Buffer.from(name, 'latin1').toString('utf8');
    if (frame === null)
      return { name: shown, kind: null, by: 'parse' as const, parameters: null, bytes: null, preparedAt: null, text: null };
    return fromFrame(shown, frame, wantsTexts);
  });
  return { source: 'tracked', at: null, missing: null, rows: [...rows, ...unnamedStatement(session, wantsTexts)] };
}

/** The unnamed statement, which no catalog lists; none or one. */
export function unnamedStatement({ forwarder }: Session, wantsTexts: boolean): DetailStatement[] {
  const { unnamedParse, unnamedUncertain, unnamedDoubted } = forwarder.journal;
  return unnamedParse === null || unnamedUncertain || unnamedDoubted ? [] : [fromFrame('', unnamedParse, wantsTexts)];
}

function fromFrame(name: string, frame: Buffer, wantsTexts: boolean): DetailStatement {
  const start = frame.indexOf(0, 5) + 1;
  const found = frame.indexOf(0, start);
  const end = found < 0 ? frame.length : found;
  const kind = statementKind(frame, start, end);
  return {
    name,
    kind: kind === '' ? null : kind,
    by: 'parse',
    // A Parse says how many types it gives, not how many parameters there are.
    parameters: null,
    bytes: end - start,
    preparedAt: null,
    text: wantsTexts ? redacted(frame, start, end, found >= 0).text : null,
  };
}

const FROM = ['session', 'client', 'user', 'database', 'database user'] as const;

function settingOf(name: string, value: string, from: DetailSetting['from']): DetailSetting {
  return { name, value, unit: null, standard: null, from };
}

/** What comes later takes the place of what stands there under its name. */
function merged(first: readonly DetailSetting[], then: readonly DetailSetting[]): DetailSetting[] {
  const all = new Map([...first, ...then].map((setting) => [setting.name.toLowerCase(), setting]));
  return [...all.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1));
}
