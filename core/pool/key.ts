/** The identity of a login, remembered: it is needed for every transaction, and logins never change. */
import { loginKey, type Login } from '../backend/login.ts';

const keys = new WeakMap<Login, string>();

/** See `loginKey`. */
export function keyOf(login: Login): string {
  let key = keys.get(login);
  if (key === undefined) keys.set(login, (key = loginKey(login)));
  return key;
}
