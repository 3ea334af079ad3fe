import { useEffect } from 'react';
import { hashOf, parseHash } from '../../app/routes.ts';
import { useView } from '../../store/view.ts';
import type { ViewState } from '../../store/view.ts';
import { parseTerms } from './filter-language/parse.ts';
import { isSortColumn } from './sort.ts';

/** What an address says of this view. */
type Addressed = Pick<ViewState, 'filter' | 'sort' | 'detail'>;

const SETTLE_MS = 150;
/** Changes of one kind that come faster than this are one step back. */
const ONE_STEP_MS = 1_500;
const plainSort: ViewState['sort'] = { column: 'id', descending: false };

/** The address of the view as it stands: `#/sessions?q=…&sort=…&desc=1&session=…`. */
export function addressOf({ filter, sort, detail }: Addressed): string {
  return hashOf('sessions', {
    ...(filter === '' ? {} : { q: filter }),
    ...(sort.column === plainSort.column && !sort.descending ? {} : { sort: sort.column }),
    ...(sort.descending ? { desc: '1' } : {}),
    ...(detail === null ? {} : { session: String(detail) }),
  });
}

/** What an address asks for; what it leaves out or says wrongly is as at the beginning. */
export function readAddress(params: URLSearchParams): Addressed {
  const column = params.get('sort') ?? plainSort.column;
  const session = Number(params.get('session') ?? '');
  return {
    filter: params.get('q') ?? '',
    sort: { column: isSortColumn(column) ? column : plainSort.column, descending: params.get('desc') === '1' },
    detail: Number.isInteger(session) && session > 0 ? session : null,
  };
}

/** Opens a session's details beside the table, whatever is filtered and wherever the window is. */
export function showSession(id: number): void {
  useView.setState({ detail: id });
  if (parseHash(window.location.hash).route !== 'sessions') window.location.hash = addressOf(useView.getState());
}

/** What kind of change it is, for what counts as one step: letters of one term are, a term more or less is not. */
function changeOf(now: Addressed, before: Addressed): string | null {
  if (now.filter !== before.filter) return `filter ${parseTerms(now.filter).length}`;
  if (now.sort !== before.sort) return `sort ${now.sort.column}`;
  return now.detail === before.detail ? null : 'detail';
}

/** Keeps the address and the view the same: links, Back and Forward change the view; what is done in the view becomes the address. */
export function useAddress(): void {
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    let last = { kind: '', at: 0 };

    const write = (kind: string): void => {
      const next = addressOf(useView.getState());
      if (parseHash(window.location.hash).route !== 'sessions' || window.location.hash === next) return;
      const isSameStep = kind === last.kind && Date.now() - last.at < ONE_STEP_MS;
      last = { kind, at: Date.now() };
      if (isSameStep || kind === 'enter') window.history.replaceState({ sessions: true }, '', next);
      else window.history.pushState({ sessions: true }, '', next);
    };
    const read = (): void => {
      const { route, params } = parseHash(window.location.hash);
      if (route !== 'sessions') return;
      clearTimeout(timer);
      last = { kind: '', at: 0 };
      const asked = readAddress(params);
      if (addressOf(asked) !== addressOf(useView.getState())) useView.setState(asked);
    };

    // A bare link to the view keeps what was filtered; an address that says something, or a step back, does not.
    const { params } = parseHash(window.location.hash);
    const wasWritten = typeof window.history.state === 'object' && window.history.state !== null && 'sessions' in window.history.state;
    if (params.size > 0 || wasWritten) read();
    else write('enter');

    const unsubscribe = useView.subscribe((now, before) => {
      const kind = changeOf(now, before);
      if (kind === null) return;
      clearTimeout(timer);
      timer = setTimeout(() => write(kind), SETTLE_MS);
    });
    window.addEventListener('popstate', read);
    window.addEventListener('hashchange', read);
    return () => {
      clearTimeout(timer);
      unsubscribe();
      window.removeEventListener('popstate', read);
      window.removeEventListener('hashchange', read);
    };
  }, []);
}
