/** The lines of a password file (PostgreSQL manual, "The Password File") as entries: `host:port:database:user:password`. */
import type { ImportProblem } from '../../core/contract/index.ts';
import { problemOf, readUrl, urlOfKeywords, type Entry, type ReadText } from './entry.ts';

/** Reads every line that names a host. */
export function readPasswordFile(text: string): ReadText {
  const entries: Entry[] = [];
  const problems: ImportProblem[] = [];
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (line.trim() === '' || line.startsWith('#')) continue;
    const [host = '', port = '', database = '', user = '', password] = fields(line);
    const complain = (message: string, hint: string | null): void => void problems.push({ line: index + 1, message, hint });
    if (password === undefined) {
      complain(
        'This is not a line of a password file.',
        'The form is host:port:database:user:password; write : and \\ in a field as \\: and \\\\.',
      );
    } else if (host === '*') {
      complain('It stands for every host, so it is no endpoint.', 'Switchyard reads ~/.pgpass itself when a server asks for a password.');
    } else {
      try {
        entries.push(entryOf({ host, port, database, user, password }));
      } catch (error) {
        problems.push(problemOf(index + 1, error));
      }
    }
  }
  return { entries, problems };
}

function entryOf(line: { host: string; port: string; database: string; user: string; password: string }): Entry {
  const said = (value: string): string => (value === '*' ? '' : value);
  const [port, database, user] = [said(line.port), said(line.database), said(line.user)];
  const words = new Map([
    ['host', line.host],
    ['port', port],
    ['dbname', database],
    ['user', user],
    ['password', line.password],
  ]);
  const { spec } = readUrl(urlOfKeywords(words));
  const notes = [
    ...(port === '' ? [`Its line stands for every port: ${spec.port} was taken.`] : []),
    ...(database === '' ? [`Its line stands for every database: ${spec.database} was taken.`] : []),
    ...(user === ''
      ? ["Its line stands for every user: clients log in under their own name. Add a role if the password is one role's."]
      : []),
  ];
  return { name: database === '' ? line.host : database, spec, notes };
}

/** `\` keeps the next character; what follows the fourth colon is the password, to the end of the line. */
function fields(line: string): string[] {
  const found = [''];
  for (let at = 0; at < line.length; at++) {
    const char = line[at] ?? '';
    if (char === ':' && found.length < 5) {
      found.push('');
      continue;
    }
    if (char === '\\' && at + 1 < line.length) at++;
    found[found.length - 1] += line[at] ?? '';
  }
  return found;
}
