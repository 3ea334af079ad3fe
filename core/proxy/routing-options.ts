/** The words of a startup packet's `options` that name an endpoint. */
import { ClientRefusal } from './incoming.ts';

/**
 * Takes them out: `endpoint=<id>` and `project=<id>` (second seed), `cluster=<id>` (first seed), each bare, behind `-c` (blank or
 * not) or behind `--`. Words are separated by blanks, a backslash keeps the next character; without such a word the string comes
 * back as it was, else the other words do. Throws `ClientRefusal` for two that differ.
 */
export function endpointInOptions(options: string): { id: string | null; rest: string } {
  const words = options.match(/(?:\\.|[^ \t\n\v\f\r\\]|\\$)+/gs) ?? [];
  const rest: string[] = [];
  let named: { id: string; word: string } | null = null;
  for (let i = 0; i < words.length; i++) {
    const word = words[i] ?? '';
    const next = word === '-c' ? words[i + 1] : undefined;
    const match = /^(?:-c|--)?(?:endpoint|project|cluster)=(.*)$/s.exec(next ?? word);
    if (match === null || (next !== undefined && next.startsWith('-'))) {
      rest.push(word);
      // The value of -c, whatever it looks like.
      if (next !== undefined && !next.startsWith('-')) rest.push(words[++i] ?? '');
      continue;
    }
    if (next !== undefined) i++;
    const id = (match[1] ?? '').replace(/\\(.)/gs, '$1');
    const spelled = match[0].replace(/^(?:-c|--)/, '');
    if (named !== null && named.id !== id) {
      throw new ClientRefusal('08004', `the options name two endpoints, "${named.word}" and "${spelled}"`, 'Name one.');
    }
    named ??= { id, word: spelled };
  }
  return named === null ? { id: null, rest: options } : { id: named.id, rest: rest.join(' ') };
}
