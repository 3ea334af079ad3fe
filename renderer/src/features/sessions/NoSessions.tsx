import type { ReactNode } from 'react';
import { FirstSteps } from '../onboarding/FirstSteps.tsx';

/** A view of sessions without any: how the first one comes to be. */
export function NoSessions(): ReactNode {
  return <FirstSteps />;
}
