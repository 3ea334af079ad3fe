/** What a session has, and the target it would go to has not. */
import type { Finding } from '../../contract/index.ts';
import type { SessionStateCapture } from '../../state/state.ts';
import { block, warn } from '../dialect.ts';
import type { ServerFacts } from './facts.ts';

/** Languages whose library is loaded by the first function that needs it. */
const LOADED_BY_USE = new Set(['plpgsql', 'plperl', 'pltcl', 'plpython3']);

/** What would fail on the target, told from a look at the session; the restore itself has the last word. */
export function compareSession(state: SessionStateCapture, to: ServerFacts): Finding[] {
  // A name with a dot may belong to a library, or be anybody's.
  const names = [...state.settings].filter(([name, { source }]) => source === 'session' && !name.includes('.')).map(([name]) => name);
  // Of these the source is not known: a timeout that is off needs not be known.
  const guarded = [...state.guarded].filter(([, value]) => value !== '0').map(([name]) => name);
  const findings = [...names, ...guarded].filter((name) => !to.settings.has(name)).map(unknownSetting);
  const isMember = to.role === null || to.role.memberships.includes(state.role);
  if (state.role !== 'none' && state.sessionUser === state.currentUser && !isMember) findings.push(unknownRole(state.role));
  const libraries = new Set(
    [...state.settings].flatMap(([name, { source }]) => {
      const [prefix = ''] = name.split('.');
      return source === 'session' && name.includes('.') && !to.settings.has(name) && !LOADED_BY_USE.has(prefix) ? [prefix] : [];
    }),
  );
  if (libraries.size > 0)
    findings.push(
      warn('library', `it has loaded ${[...libraries].join(', ')}: its settings are carried, but nothing loads it on the target`),
    );
  return findings;
}

/** The target has no such setting. */
export function unknownSetting(name: string): Finding {
  return block('unknown_setting', `it has set ${name}, which the target does not know`, `It can move after RESET ${name}.`);
}

/** The session cannot become there who it is here. */
export function unknownRole(name: string): Finding {
  return block('unknown_role', `it acts as role "${name}", which it cannot do on the target`, 'Grant the role there, or RESET ROLE.');
}
