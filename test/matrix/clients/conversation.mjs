/** How a client program talks with the matrix: one line per step on standard output, questions answered on standard input. */
import { createInterface } from 'node:readline';

const answers = createInterface(process.stdin)[Symbol.asyncIterator]();
const port = (name) => Number(process.env[name]);

/** What the matrix hands to a client; the names of libpq's environment variables where there is one. */
export const task = {
  connectOnly: process.env.MATRIX_MODE === 'connect',
  host: process.env.PGHOST,
  port: port('PGPORT'),
  user: process.env.PGUSER,
  password: process.env.PGPASSWORD,
  database: process.env.PGDATABASE,
  application: process.env.PGAPPNAME,
  sslMode: process.env.PGSSLMODE,
  rootCert: process.env.PGSSLROOTCERT,
  channelBinding: process.env.PGCHANNELBINDING === 'require',
  other: process.env.MATRIX_OTHER,
  portA: port('MATRIX_PORT_A'),
  portB: port('MATRIX_PORT_B'),
  asksPassword: process.env.MATRIX_ASKS_PASSWORD === 'yes',
};

export function say(line) {
  process.stdout.write(`${line}\n`);
}

/** Runs one step and says what became of it. A step that returns a string has no such thing in this client. */
export async function step(name, run) {
  try {
    const reason = await run();
    say(reason === undefined ? `step ${name} ok` : `step ${name} none ${reason}`);
    return true;
  } catch (error) {
    say(`step ${name} fail ${`${error.message}${error.code ? ` [${error.code}]` : ''}`.replace(/\s+/g, ' ')}`);
    return false;
  }
}

/** Settles once the matrix has done what is asked for. */
export async function ask(question) {
  say(`ask ${question}`);
  const { value, done } = await answers.next();
  if (value !== 'done') throw new Error(done ? 'the matrix has gone' : value);
}

export function expect(found, wanted) {
  const [a, b] = [JSON.stringify(found), JSON.stringify(wanted)];
  if (a !== b) throw new Error(`expected ${b}, got ${a}`);
}

/** Runs something that must fail with this SQLSTATE. */
export async function expectError(sqlState, run) {
  try {
    await run();
  } catch (error) {
    if (error.code === sqlState) return;
    throw error;
  }
  throw new Error(`no error ${sqlState} came`);
}
