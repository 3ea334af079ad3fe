/** The md5 password method (PostgreSQL manual, "Message Flow", AuthenticationMD5Password). */
import { createHash } from 'node:crypto';

/** `md5` + hex(md5(hex(md5(password + user)) + salt)); `salt` is the four bytes the server sent. */
export function md5Response(user: string, password: string, salt: Buffer): string {
  const stored = createHash('md5').update(password, 'utf8').update(user, 'utf8').digest('hex');
  return `md5${createHash('md5').update(stored, 'latin1').update(salt).digest('hex')}`;
}
