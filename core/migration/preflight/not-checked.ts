/** What cannot be proven of a session by SQL, and what is not the same on another server by nature (postgres-session-state.md section 16). */
import type { Finding } from '../../contract/index.ts';
import { info } from '../dialect.ts';

/** What no catalog shows: a move is made without having checked these. */
export const NOT_CHECKED: Finding = info(
  'not_checked',
  'not checked: currval and lastval of sequences, the random seed, session data of PL/Perl, PL/Python and PL/Tcl and of extensions, unnamed dblink connections, a base backup in progress, custom settings whose names nothing mentions, and settings that only a superuser sees',
);

/** What a move never promises. */
export const NOT_EQUAL: Finding = info(
  'not_equal',
  'by nature other on another server: its data, locks and notifications of sessions that stay, process ids and OIDs of tables, and dates in prepared statements that were written for other settings',
);
