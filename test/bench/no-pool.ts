/**
 * The headless host with a pool that keeps nothing: each client gets a server connection of its own, which is closed when the client
 * leaves. No setting asks for that, so the one decision is taken here: no connection is fit to be kept. All else is the host as built.
 *
 * First word: an existing folder to serve a window from (nobody looks); the rest is the host's command line.
 */
import { runHeadless } from '../../main/headless/run.ts';
import { Pools } from '../../core/pool/pools.ts';

// Called with its `this` below.
// oxlint-disable-next-line typescript/unbound-method
const { release } = Pools.prototype;
Pools.prototype.release = function keepNothing(connection) {
  release.call(this, connection, 'close');
};

const [windowFolder = '', ...words] = process.argv.slice(2);
await runHeadless({ version: '0.0.0', windowFolder, words });
