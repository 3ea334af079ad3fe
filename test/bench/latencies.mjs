/** Latencies from pgbench's transaction logs (-l): `client transaction µs script seconds µs`, the last two of the moment it ended. */
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';

/** Reads and removes the log files of one run. */
export function takeLogs(folder, prefix) {
  const files = readdirSync(folder).filter((file) => file.startsWith(`${prefix}.`));
  return files.map((file) => {
    const text = readFileSync(path.join(folder, file), 'utf8');
    rmSync(path.join(folder, file));
    return text;
  });
}

/**
 * Latencies in milliseconds. pgbench's own leaves the login out; `wholeSessions` takes the time from one end to the next of the same
 * client instead, which with -C is the session, login included. A client's first session began with the run (`beganAt`, ms since the
 * epoch), of which pgbench's own start is a part: it counts only for a client that had no other.
 */
export function latencies(logs, wholeSessions, beganAt) {
  const found = [];
  for (const text of logs) {
    const ends = new Map();
    for (const line of text.split('\n')) {
      const [client, , time, , seconds, micros] = line.split(' ');
      if (micros === undefined || !/^\d+$/.test(time)) continue;
      if (!wholeSessions) {
        found.push(Number(time) / 1000);
        continue;
      }
      const end = Number(seconds) * 1000 + Number(micros) / 1000;
      const known = ends.get(client);
      if (known === undefined) ends.set(client, [end]);
      else known.push(end);
    }
    for (const [first, ...others] of ends.values()) {
      if (others.length === 0) found.push(Math.max(0, first - beganAt));
      let before = first;
      for (const end of others) {
        found.push(end - before);
        before = end;
      }
    }
  }
  return found;
}
