/** A strict reader of Prometheus' text format 0.0.4: whatever a scraper might stumble over is an error here. */

/** One metric of a page. */
export interface ReadFamily {
  readonly type: string;
  readonly help: string;
  /** By name with its labels, as `name{a="b"}`; labels in the order of the alphabet, values unescaped. */
  readonly samples: Map<string, number>;
}

const nameShape = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const labelShape = /^[a-zA-Z_][a-zA-Z0-9_]*$/;

/** Reads a page. Throws at the first thing that is wrong. */
export function readPrometheusText(text: string): Map<string, ReadFamily> {
  if (!text.endsWith('\n')) throw new Error('the last line does not end');
  const families = new Map<string, ReadFamily>();
  let current: { name: string; family: ReadFamily } | null = null;
  let help: { name: string; text: string } | null = null;
  for (const line of text.slice(0, -1).split('\n')) {
    const fail = (why: string): Error => new Error(`${why}: ${line}`);
    if (line.startsWith('# HELP ')) {
      const [, name = '', words = ''] = /^# HELP (\S+) (.+)$/.exec(line) ?? [];
      if (help !== null || name === '') throw fail('HELP is out of place');
      unescape(words, false);
      help = { name, text: words };
    } else if (line.startsWith('# TYPE ')) {
      const [, name = '', type = ''] = /^# TYPE (\S+) (counter|gauge|histogram)$/.exec(line) ?? [];
      if (help?.name !== name || !nameShape.test(name)) throw fail('TYPE without its HELP');
      if (families.has(name)) throw fail('the metric is there twice');
      if (current?.family.samples.size === 0) throw fail('a metric without a sample stands before');
      current = { name, family: { type, help: help.text, samples: new Map() } };
      families.set(name, current.family);
      help = null;
    } else {
      if (current === null || help !== null) throw fail('a sample before its TYPE');
      const { key, name, value } = readSample(line);
      const suffix = current.family.type === 'histogram' ? /^_(bucket|sum|count)$/ : /^$/;
      if (!name.startsWith(current.name) || !suffix.test(name.slice(current.name.length))) throw fail('a sample of another metric');
      if (current.family.samples.has(key)) throw fail('the sample is there twice');
      if (current.family.type === 'counter' && !(value >= 0 && Number.isFinite(value)))
        throw fail('a counter is a finite number of at least 0');
      current.family.samples.set(key, value);
    }
  }
  for (const [name, family] of families) if (family.type === 'histogram') checkHistogram(name, family.samples);
  return families;
}

function readSample(line: string): { key: string; name: string; value: number } {
  const fail = (why: string): Error => new Error(`${why}: ${line}`);
  const [, name = '', rest = ''] = /^([^\s{]+)(.*)$/s.exec(line) ?? [];
  if (!nameShape.test(name)) throw fail('not a name');
  const labels = new Map<string, string>();
  let at = 0;
  if (rest[0] === '{') {
    const label = /([^=]+)="((?:[^"\\]|\\.)*)"(,|\})/sy;
    label.lastIndex = 1;
    for (let end = ','; end === ',';) {
      const found = label.exec(rest);
      if (found === null || !labelShape.test(found[1] ?? '')) throw fail('a label cannot be read');
      if (labels.has(found[1] ?? '')) throw fail('a label is there twice');
      labels.set(found[1] ?? '', unescape(found[2] ?? '', true));
      end = found[3] ?? '';
      at = label.lastIndex;
    }
  }
  const [, number = ''] = /^ (\S+)$/.exec(rest.slice(at)) ?? [];
  const value = number === '+Inf' ? Infinity : number === '-Inf' ? -Infinity : number === 'NaN' ? Number.NaN : Number(number);
  if (number === '' || (Number.isNaN(value) && number !== 'NaN')) throw fail('not a number');
  const pairs = [...labels].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([label, text]) => `${label}="${text}"`);
  return { key: pairs.length === 0 ? name : `${name}{${pairs.join(',')}}`, name, value };
}

function unescape(text: string, quoted: boolean): string {
  return text.replaceAll(/\\(.?)/gs, (escape, letter: string) => {
    if (letter === 'n') return '\n';
    if (letter === '\\' || (letter === '"' && quoted)) return letter;
    throw new Error(`${escape} is no escape`);
  });
}

/** Every label set is a histogram of its own. */
function checkHistogram(name: string, samples: ReadonlyMap<string, number>): void {
  const counts = [...samples.keys()].filter((key) => key.startsWith(`${name}_count`));
  if (counts.length === 0) throw new Error(`histogram ${name} has no count`);
  for (const key of counts) checkSeries(name, samples, key.slice(`${name}_count`.length));
}

function checkSeries(name: string, samples: ReadonlyMap<string, number>, labels: string): void {
  const buckets = [...samples].flatMap(([key, value]) => {
    const [le = '', bound = ''] = /(?<=[{,])le="([^"]+)",?/.exec(key) ?? [];
    const others = key.replace(le, '').replace(/,?\}$/, '}').replace('{}', '');
    const isOwn = le !== '' && others === `${name}_bucket${labels}`;
    return isOwn ? [{ bound: bound === '+Inf' ? Infinity : Number(bound), value }] : [];
  });
  for (const [at, bucket] of buckets.entries()) {
    const before = buckets[at - 1];
    if (before !== undefined && !(before.bound < bucket.bound && before.value <= bucket.value))
      throw new Error(`buckets of ${name}${labels} do not ascend`);
  }
  const last = buckets.at(-1);
  if (last?.bound !== Infinity || last.value !== samples.get(`${name}_count${labels}`) || !samples.has(`${name}_sum${labels}`)) {
    throw new Error(`histogram ${name}${labels} is not complete`);
  }
}
