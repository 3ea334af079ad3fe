/** Every SHOW by its name. */
import { connectionViews } from './connection-views.ts';
import { operatorViews } from './operator-views.ts';
import { poolViews } from './pool-views.ts';
import { processViews } from './process-views.ts';
import { statsViews } from './stats-views.ts';
import type { View } from './view.ts';

/** The commands that change something, with a line of help. */
const commands: readonly (readonly [command: string, description: string])[] = [
  ['SHOW TIMELINE <id>', 'what happened to a client, also to one that left within the last hour'],
  ['SHOW STATE <id>', 'what a client has set, beside what its server connection has'],
  ['MIGRATE CLIENT <id> TO <endpoint> [<terms>]', 'move one client; waits for its safe point, 30 seconds unless told otherwise'],
  ['MIGRATE ENDPOINT <endpoint> TO <endpoint> [<terms>]', 'move every client of an endpoint'],
  ['REMAP ENDPOINT <endpoint> TO <endpoint or URL> [<terms>]', 'point an endpoint at another backend, and move its clients there'],
  [
    'DRAIN BACKEND <host:port> TO <endpoint> [<terms>]',
    'move every client off a backend; new ones go to that endpoint until UNDRAIN or UNDO',
  ],
  [
    'RESTART BACKEND <host:port> [WITHIN <seconds>]',
    'hold every client of a backend, 300 seconds at most; returns when it may be restarted, and brings them back when it was',
  ],
  ['UNDRAIN BACKEND <host:port>', 'let new clients come to a backend again'],
  ['UNDO OPERATION <id> [WITHIN <seconds>]', 'move back what an operation moved; SHOW OPERATIONS has the ids'],
  ['CANCEL OPERATION <id>', 'stop what can still be stopped of an operation'],
  [
    '<terms>: [WITHIN <seconds>] [FORCE AFTER <seconds>] [MODE <mode>] [CARRY <names>]',
    'how long it is tried; when who has not moved is ended (57P01); how (MIGRATE only); what is carried along, e.g. advisory_locks,sequences',
  ],
  [
    'PAUSE [<endpoint>] [WITHIN <seconds>]',
    'give out no server connection any more, and wait until all are given back; 30 seconds, then it is resumed',
  ],
  ['RESUME [<endpoint>]', 'go on after PAUSE or KILL'],
  ['RECONNECT [<endpoint>]', 'replace server connections as they are given back'],
  ['WAIT_CLOSE [<endpoint>]', 'wait until RECONNECT has replaced them all'],
  ['KILL [<endpoint>]', 'end all clients and server connections now, and stay paused'],
  ['DISABLE [<endpoint>]', 'refuse new clients'],
  ['ENABLE [<endpoint>]', 'let them in again'],
  ['CANCEL_CLIENT <id>', 'cancel what a client runs, or its wait'],
  ['ROLLBACK_CLIENT <id>', 'roll back the open transaction of a client that runs nothing (transaction mode)'],
  ['KILL_CLIENT <id>', 'end a client'],
  ['SET <key> = <value>', 'change a setting of SHOW CONFIG, and keep it'],
  ['RELOAD', 'read the settings file again'],
  [
    'SHUTDOWN [WAIT_FOR_SERVERS | WAIT_FOR_CLIENTS]',
    'end the program: now, or refuse new clients and end once all server connections are given back or all clients have left',
  ],
];

const help: View = {
  help: 'this list',
  columns: ['command', 'description'],
  rows: () => [
    ...Object.entries(views).map(([name, { help: description }]) => [`SHOW ${name}`, description]),
    ...commands.map((line) => [...line]),
  ],
};

const views = {
  ...connectionViews,
  ...poolViews,
  ...statsViews,
  ...operatorViews,
  ...processViews,
  HELP: help,
} satisfies Record<string, View>;

export type ViewName = keyof typeof views;

export const viewNames = Object.keys(views) as ViewName[];

export function isViewName(name: string): name is ViewName {
  return Object.hasOwn(views, name);
}

export function viewOf(name: ViewName): View {
  return views[name];
}
