/** SHOW CONFIG, STATE, VERSION, MEM and DNS_*: about the program itself, with PgBouncer's columns. */
import { configuration } from './configuration.ts';
import { view, type View } from './view.ts';

const config: View = {
  help: "the settings by PgBouncer's names where it has one; SET changes those that are changeable",
  columns: ['key', 'value', 'default', 'changeable'],
  rows: (host) => configuration(host).map(({ key, value, standard, changeable }) => [key, value, standard, changeable ? 'yes' : 'no']),
};

const state: View = {
  help: 'whether everything is paused; SHOW STATE <id> tells about a client',
  columns: ['key', 'value'],
  rows: (host) => {
    const endpoints = host.endpoints();
    const paused = endpoints.length > 0 && endpoints.every((endpoint) => endpoint.paused);
    return [
      ['active', paused ? 'no' : 'yes'],
      ['paused', paused ? 'yes' : 'no'],
      ['suspended', 'no'],
      ['shutting_down', host.isLeaving() ? 'yes' : 'no'],
    ];
  },
};

const version: View = { help: "this program's version", columns: ['version'], rows: (host) => [[`Switchyard ${host.hostInfo().version}`]] };

interface Memory {
  readonly name: string;
  readonly used: number;
  readonly total: number;
}

/** PgBouncer lists its slabs; Node.js has these. Sizes are bytes, so the size of one is 1. */
function memory(): Memory[] {
  const { heapUsed, heapTotal, external, arrayBuffers, rss } = process.memoryUsage();
  return [
    { name: 'heap', used: heapUsed, total: heapTotal },
    { name: 'external', used: external, total: external },
    { name: 'array_buffers', used: arrayBuffers, total: arrayBuffers },
    { name: 'resident_set', used: rss, total: rss },
  ];
}

const mem = view<Memory>('memory of the process, in bytes', memory, {
  name: ({ name }) => name,
  size: () => 1,
  used: ({ used }) => used,
  free: ({ used, total }) => Math.max(0, total - used),
  memtotal: ({ total }) => total,
});

/** See the head of this file. */
export const processViews = {
  CONFIG: config,
  STATE: state,
  VERSION: version,
  MEM: mem,
  DNS_HOSTS: {
    help: 'always empty: names are resolved by the system at every connection, and not kept',
    columns: ['hostname', 'ttl', 'addrs'],
    rows: () => [],
  },
  DNS_ZONES: { help: 'always empty, as SHOW DNS_HOSTS', columns: ['zonename', 'serial', 'count'], rows: () => [] },
} satisfies Record<string, View>;
