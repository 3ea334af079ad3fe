/** How an endpoint's sessions are pooled, by the settings. */
import type { PoolMode, PoolProfile, Settings } from '../contract/index.ts';

/** Its own line of the settings, or what holds for all. */
export function poolingOf({ pooling }: Settings, endpoint: string): { mode: PoolMode; profile: PoolProfile } {
  return pooling.endpoints.find((line) => line.endpoint === endpoint) ?? { mode: pooling.mode, profile: pooling.profile };
}
