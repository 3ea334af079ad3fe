const KEY = 'switchyard.token';

/**
 * The per-launch token: from the address's fragment (`#token=…`), from where it is taken away at once so that it stays out of
 * the history, or from this tab's session storage. Null if there is none.
 */
export function takeToken(
  location: Pick<Location, 'hash' | 'pathname' | 'search'>,
  storage: Pick<Storage, 'getItem' | 'setItem'>,
  history: Pick<History, 'replaceState'>,
): string | null {
  const given = new URLSearchParams(location.hash.replace(/^#/, '')).get('token');
  if (given === null || given === '') return storage.getItem(KEY);
  storage.setItem(KEY, given);
  history.replaceState(null, '', location.pathname + location.search);
  return given;
}
