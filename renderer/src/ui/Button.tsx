import type { ComponentProps, ReactNode } from 'react';
import { cx } from '../lib/cx.ts';
import styles from './Button.module.css';

interface ButtonProps extends ComponentProps<'button'> {
  look?: 'plain' | 'primary' | 'danger' | 'quiet';
  small?: boolean;
}

/** A push button; its words are a verb. */
export function Button({ look = 'plain', small = false, className, ...rest }: ButtonProps): ReactNode {
  return <button type="button" className={cx(styles.button, styles[look], small && styles.small, className)} {...rest} />;
}

interface IconButtonProps extends Omit<ComponentProps<'button'>, 'aria-label' | 'title'> {
  label: string;
}

/** A button that shows only an icon; the label is its name and its tooltip. */
export function IconButton({ label, className, ...rest }: IconButtonProps): ReactNode {
  return (
    <button type="button" aria-label={label} title={label} className={cx(styles.button, styles.quiet, styles.icon, className)} {...rest} />
  );
}
