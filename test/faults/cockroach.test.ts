/** The fault matrix of moves between nodes of a CockroachDB cluster: the server that speaks its dialect in the place of CockroachDB. */
import { usePods } from '../fakes/cockroach-dialect/pods.ts';
import { faultMatrix } from './support/suite.ts';

const pods = usePods(2);

faultMatrix(
  [
    {
      kind: {
        name: 'CockroachDB (dialect server)',
        mode: 'cockroach',
        poolMode: 'session',
        parameters: { user: 'app', database: 'ep-old/defaultdb' },
        words: {
          setUp: [`SET app.mine = 'kept'`, `SET extra_float_digits = '3'`],
          look: ['SHOW app.mine', 'SHOW extra_float_digits'],
        },
        url: (port) => `postgresql://app@127.0.0.1:${port}/defaultdb?sslmode=disable`,
        ports: () => ({ old: pods().pod(1).port, new: pods().pod(2).port }),
      },
      phases: ['capture', 'login', 'restore', 'swap', 'resume'],
    },
  ],
  // What a pod counts as open is what it has not yet been told of.
  () => Promise.resolve(pods().pods.reduce((sum, pod) => sum + pod.connections, 0)),
);
