/** How sessions can be pooled on the server that they are on. */
import type { PoolMode } from '../contract/index.ts';

/**
 * The mode of an endpoint, as far as its server allows. Transaction mode puts a session together on any server connection, from what the
 * catalogs tell of it; CockroachDB's tell too little, so its sessions keep the connection they have. `parameters`: what the server reports.
 */
export function modeAt(mode: PoolMode, parameters: ReadonlyMap<string, string>): PoolMode {
  return parameters.has('crdb_version') ? 'session' : mode;
}
