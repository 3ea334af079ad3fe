import { expect, it } from 'vitest';
import { ownWords } from '../../main/desktop/words.ts';

it.each([
  ['packaged', ['/opt/Switchyard/switchyard', '--demo'], true, ['--demo']],
  ['packaged, with a switch of Chromium', ['switchyard', '--ozone-platform=wayland', '--demo', '--no-sandbox'], true, ['--demo']],
  ['in development', ['electron', '/src/switchyard', '--listen', '127.0.0.1:0'], false, ['--listen', '127.0.0.1:0']],
  ['driven by a test tool', ['electron', '--inspect=0', '--remote-debugging-port=0', '.', '--demo'], false, ['--demo']],
  ['without a word', ['electron', '.'], false, []],
])('finds our words: %s', (_what, argv, packaged, expected) => {
  expect(ownWords(argv, packaged)).toEqual(expected);
});

it('leaves unknown words in, for the command line to refuse', () => {
  expect(ownWords(['switchyard', '--demmo'], true)).toEqual(['--demmo']);
});
