/**
 * What a CockroachDB server says when it does not hand out, or does not take, a session: its own words, with a stable code and what can
 * be done about it (cockroach-migration.md sections 3 and 6).
 */
import type { DialFailure } from '../../backend/dial-failure.ts';
import type { Finding } from '../../contract/index.ts';
import type { ErrorFields } from '../../wire/errors.ts';
import { block } from '../dialect.ts';

const TURN_ON = 'SET CLUSTER SETTING server.user_login.session_revival_token.enabled = true (not for the system tenant).';

/** As builtins the texts have the builtin's name in front; what comes after a colon is detail. Order matters: the first that fits. */
const KNOWN: readonly { readonly words: RegExp; readonly code: string; readonly hint: string | null }[] = [
  { words: /is inside a transaction/, code: 'in_transaction', hint: 'It can move after COMMIT or ROLLBACK.' },
  { words: /active portals|portals or prepared statements/, code: 'open_portal', hint: 'It can move once its cursors are closed.' },
  { words: /temporary schemas/, code: 'temp_object', hint: 'A session that has had temporary tables stays until its client leaves.' },
  { words: /no session is active/, code: 'no_session', hint: null },
  {
    words: /serialized session size .* exceeds/,
    code: 'state_too_large',
    hint: 'Fewer or shorter prepared statements, or a larger sql.session_transfer.max_session_size.',
  },
  { words: /token for root user/, code: 'root_user', hint: 'Let the application log in as another role: no session of root can move.' },
  { words: /session revival tokens are not supported/, code: 'feature_off', hint: TURN_ON },
  { words: /issue time is in the future|expiration time is/, code: 'token_time', hint: 'Are the clocks of the servers in step?' },
  {
    words: /invalid signature|unsupported algorithm/,
    code: 'other_cluster',
    hint: 'A session moves between nodes of one cluster: they sign with the same certificate.',
  },
  { words: /token is for the wrong user/, code: 'other_role', hint: 'Give both endpoints the same user, or none.' },
  { words: /matching session users/, code: 'other_role', hint: 'Give both endpoints the same user, or none.' },
  { words: /only root can become root/, code: 'root_user', hint: 'RESET ROLE first.' },
  { words: /whilst inside a multi-statement transaction/, code: 'in_transaction', hint: null },
  { words: /prepared statement ".*" already exists/, code: 'name_clash', hint: null },
  {
    words: /error deserializing session/,
    code: 'state_refused',
    hint: 'The servers may run different versions: finish the upgrade first.',
  },
];

/** The finding for words of the server's. `what`: what it would not do. */
export function refusalIn(words: string, what: string, hint: string | null = null): Finding {
  const known = KNOWN.find((entry) => entry.words.test(words));
  return block(known?.code ?? 'server_refused', `${what}: ${words}`, hint ?? known?.hint ?? null);
}

/** The same for an error of its. */
export function refusalOf({ message, hint }: ErrorFields, what: string): Finding {
  return refusalIn(message, what, hint ?? null);
}

/** The finding for a login by token that the server refused; null when it failed for another reason. */
export function tokenRefusal({ fields, kind }: DialFailure, backend: string): Finding | null {
  if (fields === null || (kind !== 'authentication' && kind !== 'refused')) return null;
  const isAboutToken = fields.sqlState.startsWith('28') || /revival token/.test(fields.message);
  return isAboutToken ? refusalOf(fields, `${backend} did not let the session in by its token`) : null;
}
