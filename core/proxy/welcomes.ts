/**
 * What clients in transaction mode are greeted with: the parameters that a server reported to an earlier client with exactly the same
 * login. Thus a short session costs no server connection of its own to log in (pooling.md 1.6, 5.3).
 */
import { loginKey, type Login } from '../backend/login.ts';

const KEPT = 1_000;
const APPLICATIONS_KEPT = 100;

interface Welcome {
  readonly parameters: ReadonlyMap<string, string>;
  /** The same for each name that clients give themselves. */
  readonly byApplication: Map<string, ReadonlyMap<string, string>>;
}

/** See the head of this file. */
export class Welcomes {
  readonly #known = new Map<string, Welcome>();

  /** The reported parameters; null: this login has to be tried first. */
  get(login: Login): ReadonlyMap<string, string> | null {
    const application = login.startup.get('application_name') ?? '';
    const known = PLAIN.test(application) ? this.#known.get(keyOf(login)) : undefined;
    if (known === undefined) return null;
    let parameters = known.byApplication.get(application);
    if (parameters === undefined) {
      if (known.byApplication.size >= APPLICATIONS_KEPT) known.byApplication.clear();
      parameters = new Map([...known.parameters, ['application_name', application]]);
      known.byApplication.set(application, parameters);
    }
    return parameters;
  }

  /** A server has accepted the login and reported these. */
  learn(login: Login, parameters: ReadonlyMap<string, string>): void {
    this.#known.set(keyOf(login), { parameters: new Map(parameters), byApplication: new Map() });
    if (this.#known.size > KEPT) this.#known.delete(this.#known.keys().next().value ?? '');
  }

  /** A server did not accept it any more, or was not there: the next client is to hear that at its login. */
  forget(login: Login): void {
    this.#known.delete(keyOf(login));
  }
}

/** A server reports any other name in words of its own. */
const PLAIN = /^[ -~]{0,63}$/;

/** What a client calls itself changes nothing else of what it is told. */
function keyOf(login: Login): string {
  return loginKey({ ...login, startup: new Map([...login.startup].filter(([name]) => name !== 'application_name')) });
}
