import { Search, X } from 'lucide-react';
import { useMemo } from 'react';
import type { ReactNode } from 'react';
import type { LogEntry } from '../../../../core/contract/index.ts';
import { SelectField } from '../../ui/Field.tsx';
import { Segmented } from '../../ui/Segmented.tsx';
import styles from './Events.module.css';
import { parseEventFilter, withField, withoutTerm, writeEventTerm } from './filter.ts';
import type { EventField, EventTerm } from './filter.ts';

type Preset = 'all' | 'warn' | 'error' | 'refused' | 'other';

const presets: Record<Exclude<Preset, 'other'>, readonly { field: EventField; value: string }[]> = {
  all: [],
  warn: [
    { field: 'level', value: 'warn' },
    { field: 'level', value: 'error' },
  ],
  error: [{ field: 'level', value: 'error' }],
  refused: [{ field: 'is', value: 'refused' }],
};
const presetFields: readonly EventField[] = ['level', 'is'];
const times = ['1m', '5m', '15m', '1h'] as const;

/** Which of the presets a filter amounts to. */
function presetOf(terms: readonly EventTerm[]): Preset {
  const own = terms.filter(({ field, negated }) => field !== null && presetFields.includes(field) && !negated).map(writeEventTerm);
  const found = (Object.keys(presets) as Exclude<Preset, 'other'>[]).find(
    (name) => presets[name].map((term) => writeEventTerm({ ...term, negated: false })).join(' ') === own.join(' '),
  );
  return found ?? 'other';
}

/** The one value of a field, if it has one. */
function valueOf(terms: readonly EventTerm[], name: EventField): string {
  const own = terms.filter(({ field, negated }) => field === name && !negated);
  return own.length === 1 ? (own[0]?.value ?? '') : '';
}

interface EventFilterProps {
  text: string;
  onChange: (text: string) => void;
  log: readonly LogEntry[];
}

/** The filter of the log: quick choices, the text they amount to, and each of its terms as a chip that can be taken away. */
export function EventFilter({ text, onChange, log }: EventFilterProps): ReactNode {
  const terms = useMemo(() => parseEventFilter(text), [text]);
  const codes = useMemo(() => [...new Set(log.map(({ code }) => code))].sort((a, b) => a.localeCompare(b)), [log]);
  const code = valueOf(terms, 'code');
  const last = valueOf(terms, 'last');
  const known = code === '' || codes.includes(code) ? codes : [...codes, code];
  const replace = (fields: readonly EventField[], add: readonly { field: EventField; value: string }[]): void =>
    onChange(withField(text, fields, add));
  return (
    <>
      <div className={styles.bar}>
        <Segmented
          label="Events to show"
          value={presetOf(terms)}
          onChange={(next) => next !== 'other' && replace(presetFields, presets[next])}
          choices={[
            { value: 'all', label: 'All' },
            { value: 'warn', label: 'Warnings and errors' },
            { value: 'error', label: 'Errors' },
            { value: 'refused', label: 'Refused clients' },
          ]}
        />
        <div className={styles.choice}>
          <SelectField
            label="Code"
            value={code}
            onChange={(value) => replace(['code'], value === '' ? [] : [{ field: 'code', value }])}
            choices={[{ value: '', label: 'All codes' }, ...known.map((value) => ({ value, label: value }))]}
          />
        </div>
        <div className={styles.choice}>
          <SelectField
            label="Time"
            value={last}
            onChange={(value) => replace(['last', 'from', 'to'], value === '' ? [] : [{ field: 'last', value }])}
            choices={[
              { value: '', label: 'Any time' },
              ...times.map((value) => ({ value, label: `Last ${value.replace('m', ' min').replace('h', ' h')}` })),
              ...(last === '' || times.some((each) => each === last) ? [] : [{ value: last, label: `Last ${last}` }]),
            ]}
          />
        </div>
        <div className={styles.filter}>
          <Search size={14} aria-hidden="true" />
          <input
            type="search"
            data-filter
            aria-label="Filter events"
            placeholder="Any word, or session:12 code:backend_down from:14:03"
            value={text}
            onChange={(event) => onChange(event.target.value)}
            onKeyDown={(event) => {
              if (event.key === 'Escape') onChange('');
            }}
          />
        </div>
      </div>
      {terms.length > 0 && (
        <ul className={styles.chips} aria-label="Filters">
          {terms.map((term, index) => {
            const words = writeEventTerm(term);
            return (
              // oxlint-disable-next-line react/no-array-index-key -- the same term may be written twice
              <li key={`${words} ${index}`} className={styles.chip} data-wrong={term.problem !== null} title={term.problem ?? undefined}>
                {words}
                {term.problem !== null && <span className={styles.problem}>{term.problem}</span>}
                <button type="button" aria-label={`Remove the filter ${words}`} onClick={() => onChange(withoutTerm(text, index))}>
                  <X size={12} aria-hidden="true" />
                </button>
              </li>
            );
          })}
        </ul>
      )}
    </>
  );
}
