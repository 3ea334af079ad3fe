/** The md5 password method (PostgreSQL manual, "Message Flow", AuthenticationMD5Password). */
import { createHash } from 'node:crypto';

/** The verifier that PostgreSQL keeps: `md5` + hex(md5(password + user)). It opens every md5 server by itself. */
export function md5Hash(user: string, password: string): string {
  return `md5${createHash('md5').update(password, 'utf8').update(user, 'utf8').digest('hex')}`;
}

/** `md5` + hex(md5(hex + salt)) for the verifier `hash`; `salt` is the four bytes the server sent. */
export function md5Salted(hash: string, salt: Buffer): string {
  return `md5${createHash('md5').update(hash.slice('md5'.length), 'latin1').update(salt).digest('hex')}`;
}
