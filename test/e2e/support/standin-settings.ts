/** The stand-in's settings: kept in memory, edited by the calls of the contract. */
import { CallError, settings as settingsSchema } from '../../../core/contract/index.ts';
import type { Handlers, SettingsView } from '../../../core/contract/index.ts';

/** The calls about settings, over defaults of their own. */
export function standinSettings(): Pick<Handlers, 'settings.get' | 'settings.save' | 'users.save' | 'users.remove' | 'tls.makeLocal'> {
  let view: SettingsView = {
    settings: settingsSchema.parse({}),
    authorityFile: null,
    listeners: [],
    problems: [],
    file: '/home/me/.config/Switchyard/settings.json',
  };
  const change = (part: Partial<SettingsView['settings']>): SettingsView => {
    const settings = { ...view.settings, ...part };
    const listeners = settings.listeners.map(({ endpoint, port }) => ({ endpoint, port: port === 0 ? 40_000 : port, problem: null }));
    const authorityFile = settings.tls.certificate.kind === 'local' ? '/home/me/.config/Switchyard/authority/authority.pem' : null;
    view = { ...view, settings, listeners, authorityFile };
    return view;
  };
  const users = (): { name: string }[] => view.settings.authentication.users;
  const withUsers = (next: { name: string }[]): SettingsView =>
    change({ authentication: { ...view.settings.authentication, users: next } });
  return {
    'settings.get': () => view,
    'settings.save': (request) => change({ ...request, authentication: { ...request.authentication, users: users() } }),
    'users.save': ({ name }) => withUsers([...users().filter((user) => user.name !== name), { name }]),
    'users.remove': ({ name }) => {
      if (!users().some((user) => user.name === name)) throw new CallError('unknown_user', `There is no user "${name}".`);
      return withUsers(users().filter((user) => user.name !== name));
    },
    'tls.makeLocal': () => change({ tls: { clients: 'allow', certificate: { kind: 'local' } } }),
  };
}
