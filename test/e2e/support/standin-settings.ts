/** The stand-in's settings: kept in memory, edited by the calls of the contract. */
import { CallError, settings as settingsSchema } from '../../../core/contract/index.ts';
import type { Handlers, SettingsView } from '../../../core/contract/index.ts';

/** A port that is never free here. */
export const TAKEN_PORT = 5432;

/** The calls that are about settings. */
export type SettingsHandlers = Pick<Handlers, 'settings.get' | 'settings.save' | 'users.save' | 'users.remove' | 'tls.makeLocal'>;

/** The calls about settings, over defaults of their own. */
export function standinSettings(): { handlers: SettingsHandlers; view: () => SettingsView } {
  let view: SettingsView = {
    settings: settingsSchema.parse({}),
    authorityFile: null,
    listeners: [],
    problems: [],
    file: '/home/me/.config/Switchyard/settings.json',
  };
  const change = (part: Partial<SettingsView['settings']>): SettingsView => {
    const settings = { ...view.settings, ...part };
    const listeners = settings.listeners.map(({ endpoint, port }, index) => ({
      endpoint,
      port: port === 0 ? 40_000 + index : port,
      // What a real host says of a port that another program holds.
      problem: port === TAKEN_PORT ? `Port ${port} is taken by another program.` : null,
    }));
    const authorityFile = settings.tls.certificate.kind === 'local' ? '/home/me/.config/Switchyard/authority/authority.pem' : null;
    const problems = listeners.flatMap(({ endpoint, problem }) => (problem === null ? [] : [`${endpoint}: ${problem}`]));
    view = { ...view, settings, listeners, authorityFile, problems };
    return view;
  };
  const users = (): { name: string }[] => view.settings.authentication.users;
  const withUsers = (next: { name: string }[]): SettingsView =>
    change({ authentication: { ...view.settings.authentication, users: next } });
  const handlers: SettingsHandlers = {
    'settings.get': () => view,
    'settings.save': (request) => {
      if (request.tls.certificate.kind === 'files' && request.tls.certificate.certificate.includes('missing')) {
        throw new CallError('bad_certificate', `${request.tls.certificate.certificate} cannot be read.`, 'Is the path right?');
      }
      const {
        migration = view.settings.migration,
        resurrection = view.settings.resurrection,
        balancing = view.settings.balancing,
      } = request;
      const { admins = view.settings.authentication.admins } = request.authentication;
      return change({
        ...request,
        migration,
        resurrection,
        balancing,
        authentication: { ...request.authentication, admins, users: users() },
      });
    },
    'users.save': ({ name }) => withUsers([...users().filter((user) => user.name !== name), { name }]),
    'users.remove': ({ name }) => {
      if (!users().some((user) => user.name === name)) throw new CallError('unknown_user', `There is no user "${name}".`);
      return withUsers(users().filter((user) => user.name !== name));
    },
    'tls.makeLocal': () => change({ tls: { clients: 'allow', certificate: { kind: 'local' } } }),
  };
  return { handlers, view: () => view };
}
