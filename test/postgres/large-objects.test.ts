/** Large objects through the proxy: libpq's own way to them is the function call protocol. */
import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { useCluster } from '../support/cluster.ts';
import { move } from '../support/migration.ts';
import { describeWithProgram, runProgram } from '../support/programs.ts';
import { fields, int16, int32, message, WireClient, type WireMessage } from '../support/wire-client.ts';
import { useYard } from '../support/yard.ts';

const a = useCluster({ name: 'a' });
const b = useCluster({ name: 'b' });
const yard = useYard(() => ({ endpoints: { 'ep-a': a().url(), 'ep-b': b().url() } }));
const hash = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

describeWithProgram('psql', 'psql', (psql) => {
  it('imports a file and exports it again, byte for byte', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'switchyard-lo-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const [source, target, direct] = ['in', 'out', 'direct'].map((name) => path.join(folder, name)) as [string, string, string];
    const content = randomBytes(3_000_001);
    writeFileSync(source, content);
    const url = (port: number): string => `host=127.0.0.1 port=${port} user=postgres dbname=postgres`;
    const script = `\\lo_import ${source}\n\\set object :LASTOID\n\\lo_export :object ${target}\n\\echo object :object\n`;
    const { code, stdout, stderr } = await runProgram(psql, ['-X', '-v', 'ON_ERROR_STOP=1', url(yard().port)], { input: script });
    expect([code, stderr]).toEqual([0, '']);
    expect(hash(readFileSync(target))).toBe(hash(content));
    const object = /object (\d+)/.exec(stdout)?.[1] ?? expect.fail();
    await runProgram(psql, ['-X', '-c', `\\lo_export ${object} ${direct}`, url(a().port)]);
    expect(hash(readFileSync(direct))).toBe(hash(content));
  });
});

/** FunctionCall with arguments in binary; the result in binary too. */
function call(oid: number, ...values: Buffer[]): Buffer {
  return message(
    'F',
    int32(oid),
    int16(1),
    int16(1),
    int16(values.length),
    ...values.flatMap((value) => [int32(value.length), value]),
    int16(1),
  );
}

const LO_CREAT = 957;
const LO_UNLINK = 964;
/** Oids of built-in functions are the same everywhere. */
const conversation: [what: string, frame: Buffer][] = [
  ['lo_creat(-1)', call(LO_CREAT, int32(-1))],
  ['lo_unlink of what is not there', call(LO_UNLINK, int32(1))],
  ['a function that is not there', call(999_999)],
  ['too few arguments', call(LO_UNLINK)],
];

/** What matters of an answer: the oid of a new object is another every time. */
function shape(answers: WireMessage[]): string[] {
  return answers.map((answer) => (answer.type === 'E' ? `E ${fields(answer)['C']} ${fields(answer)['M']}` : answer.type));
}

it('calls functions as without the proxy, errors included, and moves in between', async () => {
  const { client: direct } = await WireClient.start(a().port);
  const { client } = await WireClient.start(yard().port, { application_name: 'caller' });
  onTestFinished(() => {
    direct.destroy();
    client.destroy();
  });
  let to = 'ep-b';
  for (const [what, frame] of conversation) {
    direct.write(frame);
    client.write(frame);
    const expected = shape(await direct.until('Z'));
    expect(shape(await client.until('Z')), what).toEqual(expected);
    expect(expected.at(-1)).toBe('Z');
    expect(await move(yard(), 'caller', to)).toMatchObject({ outcome: 'success' });
    to = to === 'ep-b' ? 'ep-a' : 'ep-b';
  }
});
