import type { ReactNode } from 'react';

interface ScrollRegionProps {
  /** What it holds, for a screen reader. */
  label: string;
  className: string | undefined;
  hidden?: boolean;
  children: ReactNode;
}

/** A frame that scrolls in itself and holds nothing else that could have the focus. */
export function ScrollRegion({ label, className, hidden = false, children }: ScrollRegionProps): ReactNode {
  return (
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- what scrolls must be within reach of the keyboard (WCAG 2.1.1)
    <div className={className} role="region" aria-label={label} tabIndex={0} hidden={hidden}>
      {children}
    </div>
  );
}
