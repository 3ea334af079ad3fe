import { Switch as RadixSwitch } from 'radix-ui';
import { useId } from 'react';
import type { ReactNode } from 'react';
import styles from './Switch.module.css';

interface SwitchProps {
  label: string;
  checked: boolean;
  disabled?: boolean;
  onChange: (checked: boolean) => void;
}

/** Something that is on or off and changes at once. */
export function Switch({ label, checked, disabled = false, onChange }: SwitchProps): ReactNode {
  const id = useId();
  return (
    <span className={styles.row}>
      <RadixSwitch.Root id={id} className={styles.track} checked={checked} disabled={disabled} onCheckedChange={onChange}>
        <RadixSwitch.Thumb className={styles.thumb} />
      </RadixSwitch.Root>
      <label htmlFor={id}>{label}</label>
    </span>
  );
}
