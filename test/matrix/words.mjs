/** What is tried, in the order it is tried; the names are those that the client programs report. */
export const steps = {
  prefix: 'endpoint in front of the database name',
  options: '`endpoint=` in the options',
  password: 'a wrong password is refused',
  connect: 'login',
  parameters: 'parameterised query',
  transaction: 'transaction, rolled back and committed',
  error: 'an error, and the session goes on',
  prepared: 'prepared statement, used again',
  cancel: 'cancel',
  copy: 'COPY in and out',
  notify: 'LISTEN and NOTIFY',
  migrate: 'live migration between two queries',
  after: 'the statement, and the LISTEN, after it',
  close: 'clean end',
};

/**
 * The authentications the proxy offers. `method` is that of its settings, `role` the one clients log in as: the servers trust
 * `matrix`, and ask `matrix_scram` for its password, which only the client knows.
 */
export const authentications = [
  { id: 'trust', method: 'trust', role: 'matrix' },
  { id: 'password', method: 'password', role: 'matrix' },
  { id: 'md5', method: 'md5', role: 'matrix' },
  { id: 'scram-sha-256', method: 'scram-sha-256', role: 'matrix' },
  { id: 'scram-sha-256-plus', method: 'scram-sha-256', role: 'matrix', channelBinding: true },
  { id: 'scram pass-through', method: 'scram-sha-256', role: 'matrix_scram' },
];

/** Without TLS the proxy has it switched off; with it, it takes nothing else and the client checks certificate and name. */
export const encryptions = [
  { id: 'plain', clients: 'off', sslMode: 'disable' },
  { id: 'TLS', clients: 'require', sslMode: 'verify-full' },
];

/** The modes of the second table, against each setting of the proxy: whether the client gets in. */
export const sslModes = [
  { id: 'disable', sslMode: 'disable', entersWith: ['off', 'allow'] },
  { id: 'prefer', sslMode: 'prefer', entersWith: ['off', 'allow', 'require'] },
  { id: 'require', sslMode: 'require', entersWith: ['allow', 'require'] },
  { id: 'verify-full', sslMode: 'verify-full', entersWith: ['allow', 'require'] },
  { id: 'verify-full, another authority', sslMode: 'verify-full', stranger: true, entersWith: [] },
];

/** One word of the command line with its value, `--name value`; null when it is not there. */
export function valueOf(name, words = process.argv) {
  const at = words.indexOf(name);
  return at < 0 ? null : (words[at + 1] ?? null);
}
