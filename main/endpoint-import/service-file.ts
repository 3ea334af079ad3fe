/** The sections of a connection service file (PostgreSQL manual, "The Connection Service File") as entries. */
import { parse } from 'ini';
import type { ImportProblem } from '../../core/contract/index.ts';
import { problemOf, readUrl, urlOfKeywords, type Entry, type ReadText } from './entry.ts';

/** Reads every section. */
export function readServiceFile(text: string): ReadText {
  const entries: Entry[] = [];
  const problems: ImportProblem[] = [];
  const sections = parse(literally(text), { bracketedArray: false }) as Record<string, unknown>;
  for (const [name, section] of Object.entries(sections)) {
    if (typeof section !== 'object' || section === null) {
      problems.push({
        line: null,
        message: `The keyword ${keyword(name)} stands before the first section.`,
        hint: 'A service begins with its [name].',
      });
      continue;
    }
    const words = new Map(Object.entries(section).map(([key, value]) => [key.trim().toLowerCase(), String(value)]));
    if (words.size === 0) continue;
    try {
      const { spec, notes } = readUrl(urlOfKeywords(words));
      const unsaid = words.has('host') || words.has('hostaddr') ? [] : ['It names no host: localhost was taken.'];
      entries.push({ name, spec, notes: [...unsaid, ...notes] });
    } catch (error) {
      const { message, hint } = problemOf(null, error);
      problems.push({ line: null, message: `Service ${keyword(name)}: ${message}`, hint });
    }
  }
  return { entries, problems };
}

/**
 * libpq takes a value as it stands, with its quotes, semicolons and backslashes; the parser of .ini files would read something into them.
 * So each value is quoted for it; a dot in the name of a section nests nothing either.
 */
function literally(text: string): string {
  return text
    .split(/\r?\n/)
    .map((raw) => {
      const line = raw.trim();
      if (line === '' || line.startsWith('#')) return '';
      if (line.startsWith('[')) return line.replaceAll('.', '\\.');
      const at = line.indexOf('=');
      return at < 0 ? '' : `${line.slice(0, at).trim()}=${JSON.stringify(line.slice(at + 1).trim())}`;
    })
    .join('\n');
}

/** As much of a name as may be shown: what stands where a name should be could be anything. */
function keyword(name: string): string {
  return /^[\w.-]{1,63}$/.test(name) ? name : '(not readable)';
}
