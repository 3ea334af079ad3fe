import { ask } from '../../store/asked.ts';
import { say } from '../../store/toasts.ts';
import { onWindow } from '../binding.ts';
import type { Bindings } from '../binding.ts';

/** Commands about the demo. */
export const demoBindings = {
  'demo.start': onWindow(
    async ({ call }) => {
      say('Starting the two demo servers.', { tone: 'info' });
      await call('demo.start', {});
      say('The demo runs.');
    },
    ({ server }) => server.host?.demo.available === true && ['off', 'failed'].includes(server.host.demo.state),
  ),
  'demo.stop': onWindow(
    ({ call }) =>
      ask({
        kind: 'confirm',
        title: 'Stop the demo?',
        consequence: 'The two servers of ep-a and ep-b end, their sessions with them, and their data is removed.',
        action: 'Stop the demo',
        run: () =>
          void call('demo.stop', {}).then(
            () => say('The demo has stopped.'),
            (error: Error) => say(error.message, { tone: 'bad' }),
          ),
      }),
    ({ server }) => server.host?.demo.state === 'running',
  ),
  'demo.work': onWindow(
    async ({ call }) => {
      await call('demo.workload', { on: true });
      say('The demo workload runs.');
    },
    ({ server }) => server.host?.demo.state === 'running' && !server.host.demo.workload,
  ),
  'demo.rest': onWindow(
    async ({ call }) => {
      await call('demo.workload', { on: false });
      say('The demo workload has stopped.');
    },
    ({ server }) => server.host?.demo.state === 'running' && server.host.demo.workload,
  ),
} satisfies Partial<Bindings<'window'>>;
