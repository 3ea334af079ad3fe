import type { EndpointRow } from '../../../../core/contract/index.ts';
import type { LampShape, Tone } from '../../ui/Lamp.tsx';

/** How the status of a backend looks and is called. */
export const statusLook: Record<EndpointRow['status'], { words: string; tone: Tone; shape: LampShape }> = {
  up: { words: 'up', tone: 'good', shape: 'full' },
  down: { words: 'down', tone: 'bad', shape: 'cross' },
  unknown: { words: 'not asked yet', tone: 'idle', shape: 'ring' },
};
