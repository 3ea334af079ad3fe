import type { SessionRow } from '../../../../core/contract/index.ts';
import { parseHash } from '../../app/routes.ts';
import { copySessions } from '../../features/copy-as/copy.ts';
import type { SessionFormat } from '../../features/copy-as/sessions.ts';
import { addressOf, showSession } from '../../features/sessions/address.ts';
import { act, useActions } from '../../features/waits/actions.ts';
import type { SessionWork } from '../../features/waits/actions.ts';
import { plural } from '../../lib/format.ts';
import { ask } from '../../store/asked.ts';
import { toggleFlag, toggleTop } from '../../store/marks.ts';
import { say } from '../../store/toasts.ts';
import { openMigrate, useView } from '../../store/view.ts';
import type { ViewState } from '../../store/view.ts';
import { onSession, onSessions } from '../binding.ts';
import type { Bindings, Means } from '../binding.ts';

const NAMED = 5;
const CAPTURE_SECONDS = 60;

/** How a session is called in a sentence: `session 12, app`. */
export function nameOf({ id, application }: SessionRow): string {
  return `session ${id}${application === '' ? '' : `, ${application}`}`;
}

/** Does one thing to one session and says how it went; the waits view says it, too. */
async function work(call: Means['call'], row: SessionRow, what: SessionWork, done: string): Promise<void> {
  await act(call, row.id, what);
  const outcome = useActions.getState().bySession.get(row.id);
  if (outcome?.state === 'refused') say(`Session ${row.id}: ${outcome.words}`, { tone: 'bad' });
  else if (outcome?.state === 'done') say(done);
}

function askToClose(call: Means['call'], rows: readonly SessionRow[]): void {
  const [first] = rows;
  if (!first) return;
  const others = rows.length - NAMED;
  const names = rows.slice(0, NAMED).map(nameOf).join('; ') + (others > 0 ? `; and ${others} more` : '');
  ask({
    kind: 'confirm',
    title: rows.length === 1 ? `End ${nameOf(first)}?` : `End ${plural(rows.length, 'session')}?`,
    consequence: `${rows.length === 1 ? 'Its client gets' : `${names}: each client gets`} the error 57P01 and loses its connection; a transaction that is open is rolled back. To move clients without an error, migrate them instead.`,
    action: `End ${plural(rows.length, 'session')}`,
    run: () => void close(call, rows),
  });
}

async function close(call: Means['call'], rows: readonly SessionRow[]): Promise<void> {
  await Promise.all(rows.map((row) => act(call, row.id, 'close')));
  const outcomes = rows.map((row) => useActions.getState().bySession.get(row.id));
  const refused = outcomes.filter((outcome) => outcome?.state === 'refused');
  if (refused.length < rows.length) say(`Ended ${plural(rows.length - refused.length, 'session')}.`);
  if (refused.length > 0) say(`${plural(refused.length, 'session')} did not end: ${refused[0]?.words ?? ''}`, { tone: 'bad' });
}

/** Shows something in the view of sessions, from whatever view. */
function showSessions(what: Partial<Pick<ViewState, 'filterMenu' | 'noteOn'>>): void {
  useView.setState(what);
  if (parseHash(window.location.hash).route !== 'sessions') window.location.hash = addressOf(useView.getState());
}

function copyAs(format: SessionFormat): ReturnType<typeof onSessions> {
  return onSessions(({ call }, rows) => copySessions(call, format, rows));
}

/** Commands about sessions. */
export const sessionBindings: Bindings<'session'> & Bindings<'sessions'> = {
  'session.details': onSession((_means, { id }) => showSession(id)),
  'session.filterBy': onSession((_means, { id }) => {
    const row = document.querySelector(`[role="row"][data-session="${id}"]`)?.getBoundingClientRect();
    showSessions({ filterMenu: { id, column: null, at: { x: (row?.left ?? 0) + 90, y: row?.bottom ?? 90 } } });
  }),
  'sessions.top': onSessions((_means, rows) => toggleTop(rows.map((row) => row.id))),
  'sessions.flag': onSessions((_means, rows) => toggleFlag(rows.map((row) => row.id))),
  'session.note': onSession((_means, { id }) => showSessions({ noteOn: id })),
  'sessions.move': onSessions((_means, rows) => openMigrate(rows.map((row) => row.id))),
  'sessions.capture': onSessions(async ({ call }, rows) => {
    await call('capture.start', { sessionIds: rows.map((row) => row.id), seconds: CAPTURE_SECONDS });
    const [first] = rows;
    if (rows.length === 1 && first) showSession(first.id);
  }),
  'session.cancel': onSession(
    ({ call }, row) => work(call, row, 'cancel', `Cancelled what ${nameOf(row)} was doing.`),
    (row) => row.state === 'active' || row.state === 'waiting',
  ),
  'session.rollback': onSession(
    ({ call }, row) =>
      ask({
        kind: 'confirm',
        title: `Roll back the transaction of ${nameOf(row)}?`,
        consequence: 'What it has changed since its BEGIN is undone, and its next statement fails with 25P02. Its connection stays.',
        action: 'Roll back',
        run: () => void work(call, row, 'rollback', `Rolled back the transaction of ${nameOf(row)}.`),
      }),
    (row) => row.poolMode === 'transaction' && row.state.startsWith('idle in transaction'),
  ),
  'sessions.close': onSessions(({ call }, rows) => askToClose(call, rows)),
  'copy.psql': copyAs('psql'),
  'copy.url': copyAs('url'),
  'copy.environment': copyAs('environment'),
  'copy.json': copyAs('json'),
  'copy.markdown': copyAs('markdown'),
  'copy.table': copyAs('table'),
};
