/** One client against one way in: runs its program, answers its questions, and judges what it said. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { endpoints } from './servers.mjs';
import { steps } from './words.mjs';

const limitMs = 90_000;

/**
 * Returns what each step came to (`ok`, `none` with why the client has no such thing, `fail` with why), the version the client
 * gave, and the first failure, null when there is none.
 */
export async function runCell({ client, program, mode, environment, application, control }) {
  const child = spawn(program.command, [...program.args, ...(client.argsFor?.(mode) ?? [])], {
    env: {
      ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('PG'))),
      LC_ALL: 'C.UTF-8',
      PGCONNECT_TIMEOUT: '20',
      ...environment,
      ...program.env,
      PGAPPNAME: application,
      MATRIX_MODE: mode,
      MATRIX_OTHER: endpoints[1],
    },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const seen = { steps: new Map(), version: null, said: [] };
  const note = (name, outcome, detail = '') => {
    if (seen.steps.get(name)?.outcome !== 'fail') seen.steps.set(name, { outcome, detail });
  };
  const answers = [];
  const answer = async (question, pid) => {
    const reply = await answerTo(question, pid, { application, control }).then(
      () => 'done',
      (error) => error.message.replace(/\s+/g, ' '),
    );
    if (reply !== 'done') note(question, 'fail', reply);
    if (pid === undefined) child.stdin.write(`${reply}\n`);
  };

  createInterface(child.stdout).on('line', (raw) => {
    const line = client.translate?.(raw) ?? raw;
    const [word, name, outcome, ...detail] = line.split(' ');
    if (word === 'step') note(name, outcome, detail.join(' '));
    else if (word === 'ask') answers.push(answer(name, outcome));
    else if (word === 'version') seen.version = line.slice('version '.length);
    else seen.said.push(line);
  });
  createInterface(child.stderr).on('line', (line) => seen.said.push(line));
  child.stdin.on('error', () => undefined);
  const late = setTimeout(() => child.kill('SIGKILL'), limitMs);
  const [code, signal] = await once(child, 'close');
  clearTimeout(late);
  await Promise.all(answers);

  if (mode === 'connect') return judgeConnect(seen, code);
  if (signal !== null) note('close', 'fail', `it did not end within ${limitMs / 1000} s`);
  else if (code !== 0) note('close', 'fail', `it left with ${code}`);
  else if (client.endsInSilence) note('close', 'ok');
  if (seen.steps.get('connect')?.outcome === 'ok') {
    await control.untilGone(application).catch((error) => note('close', 'fail', error.message));
  }
  return { steps: seen.steps, version: seen.version, failure: firstFailure(seen) };
}

/** A question with a process id is answered by SIGINT, as from Ctrl+C. */
async function answerTo(question, pid, { application, control }) {
  if (question === 'migrate') return await control.migrate(application, endpoints[1]);
  await control.untilAsleep(pid === undefined ? application : `${application}-cancel`);
  if (pid !== undefined) process.kill(Number(pid), 'SIGINT');
}

/** A step that was never reported is a failure; after a failed login only that one counts. */
function firstFailure(seen) {
  for (const name of Object.keys(steps)) {
    const found = seen.steps.get(name);
    if (found === undefined) return `${name}: nothing was said about it${remarks(seen)}`;
    if (found.outcome === 'fail') return `${name}: ${found.detail || 'no reason given'}`;
    if (found.outcome !== 'ok' && found.outcome !== 'none') return `${name}: an answer that is none: ${found.outcome}`;
  }
  return null;
}

function judgeConnect(seen, code) {
  const found = seen.steps.get('connect');
  if (found?.outcome === 'ok' && code === 0) return { ...seen, failure: null };
  return { ...seen, failure: found?.outcome === 'fail' ? found.detail : remarks(seen).replace(/^: /, '') || `it left with ${code}` };
}

function remarks({ said }) {
  return said.length === 0 ? '' : `: ${said.slice(-3).join(' ').slice(0, 500)}`;
}
