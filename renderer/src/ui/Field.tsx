import { useId } from 'react';
import type { ComponentProps, ReactNode } from 'react';
import { cx } from '../lib/cx.ts';
import styles from './Field.module.css';
import { Segmented } from './Segmented.tsx';
import type { SegmentedProps } from './Segmented.tsx';

interface TextFieldProps extends ComponentProps<'input'> {
  label: string;
  /** Small print at the other end of the label's line. */
  aside?: ReactNode;
  hint?: ReactNode;
  error?: string | null;
  mono?: boolean;
}

/** A labelled line of text with its hint and its error. */
export function TextField({ label, aside, hint, error = null, mono = false, ...rest }: TextFieldProps): ReactNode {
  const id = useId();
  const notes = [hint === undefined ? null : `${id}-hint`, error === null ? null : `${id}-error`].filter(Boolean).join(' ');
  return (
    <div className={styles.field}>
      <div className={styles.head}>
        <label className={styles.label} htmlFor={id}>
          {label}
        </label>
        {aside}
      </div>
      <input
        id={id}
        className={cx(styles.input, mono && styles.mono)}
        autoComplete="off"
        spellCheck={false}
        aria-invalid={error !== null}
        aria-describedby={notes === '' ? undefined : notes}
        {...rest}
      />
      {error !== null && (
        <span id={`${id}-error`} className={styles.error}>
          {error}
        </span>
      )}
      {hint !== undefined && (
        <span id={`${id}-hint`} className={styles.hint}>
          {hint}
        </span>
      )}
    </div>
  );
}

interface SelectFieldProps extends Omit<ComponentProps<'select'>, 'onChange'> {
  label: string;
  aside?: ReactNode;
  choices: readonly { value: string; label: string }[];
  hint?: ReactNode;
  error?: string | null;
  onChange: (value: string) => void;
}

/** A labelled choice of one among many, with its hint and its error. */
export function SelectField({ label, aside, choices, hint, error = null, onChange, ...rest }: SelectFieldProps): ReactNode {
  const id = useId();
  const notes = [hint === undefined ? null : `${id}-hint`, error === null ? null : `${id}-error`].filter(Boolean).join(' ');
  return (
    <div className={styles.field}>
      <div className={styles.head}>
        <label className={styles.label} htmlFor={id}>
          {label}
        </label>
        {aside}
      </div>
      <select
        id={id}
        className={styles.input}
        aria-invalid={error !== null}
        aria-describedby={notes === '' ? undefined : notes}
        onChange={(event) => onChange(event.target.value)}
        {...rest}
      >
        {choices.map((choice) => (
          <option key={choice.value} value={choice.value}>
            {choice.label}
          </option>
        ))}
      </select>
      {error !== null && (
        <span id={`${id}-error`} className={styles.error}>
          {error}
        </span>
      )}
      {hint !== undefined && (
        <span id={`${id}-hint`} className={styles.hint}>
          {hint}
        </span>
      )}
    </div>
  );
}

/** A labelled choice of one of a few, all in sight, with what the chosen one means. */
export function ChoiceField<T extends string>({
  aside,
  hint,
  error = null,
  ...rest
}: SegmentedProps<T> & { aside?: ReactNode; hint?: ReactNode; error?: string | null }): ReactNode {
  return (
    <div className={styles.field}>
      {/* The group carries the label as its name. */}
      <div className={styles.head}>
        <span className={styles.label} aria-hidden="true">
          {rest.label}
        </span>
        {aside}
      </div>
      <div>
        <Segmented {...rest} />
      </div>
      {error !== null && (
        <span className={styles.error} role="alert">
          {error}
        </span>
      )}
      {hint !== undefined && <span className={styles.hint}>{hint}</span>}
    </div>
  );
}

/** A tick box with its label. */
export function CheckField({ label, ...rest }: { label: ReactNode } & Omit<ComponentProps<'input'>, 'type'>): ReactNode {
  return (
    <label className={styles.check}>
      <input type="checkbox" {...rest} />
      <span>{label}</span>
    </label>
  );
}
