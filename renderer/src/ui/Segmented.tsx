import { ToggleGroup } from 'radix-ui';
import type { ReactNode } from 'react';
import styles from './Segmented.module.css';

interface Choice<T extends string> {
  value: T;
  label: ReactNode;
  /** The name, where `label` is only an icon. */
  name?: string;
}

/** What `Segmented` takes. */
export interface SegmentedProps<T extends string> {
  /** What is being chosen, for a screen reader. */
  label: string;
  choices: readonly Choice<T>[];
  value: T;
  onChange: (value: T) => void;
}

/** One of a few, all in sight. */
export function Segmented<T extends string>({ label, choices, value, onChange }: SegmentedProps<T>): ReactNode {
  const pick = (next: string): void => {
    const choice = choices.find((each) => each.value === next);
    if (choice) onChange(choice.value);
  };
  return (
    <ToggleGroup.Root type="single" className={styles.group} aria-label={label} value={value} onValueChange={pick}>
      {choices.map((choice) => (
        <ToggleGroup.Item
          key={choice.value}
          value={choice.value}
          className={styles.item}
          {...(choice.name === undefined ? {} : { 'aria-label': choice.name, title: choice.name })}
        >
          {choice.label}
        </ToggleGroup.Item>
      ))}
    </ToggleGroup.Root>
  );
}
