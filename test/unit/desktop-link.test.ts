import { describe, expect, it } from 'vitest';
import { viewHash } from '../../core/contract/index.ts';
import { viewAskedFor, viewOfLink } from '../../main/desktop/deep-link.ts';
import { ownWords } from '../../main/desktop/words.ts';

describe('a link', () => {
  it.each([
    ['switchyard://session/12', '#/sessions?session=12'],
    ['switchyard://session/12/', '#/sessions?session=12'],
    ['SWITCHYARD://endpoint/ep-a', '#/endpoints?endpoint=ep-a'],
    ['switchyard://endpoint/Ep_B2', '#/endpoints?endpoint=Ep_B2'],
  ])('%s leads to %s', (link, view) => {
    expect(viewOfLink(link)).toBe(view);
    // The window refuses what does not fit.
    expect(viewHash.safeParse(view).success).toBe(true);
  });

  it.each([
    'switchyard://session/0',
    'switchyard://session/-1',
    'switchyard://session/1e3',
    'switchyard://session/12/close',
    'switchyard://session',
    'switchyard:session/12',
    'switchyard://endpoint/ep%2Fa',
    'switchyard://endpoint/%22%3Cscript%3E',
    'switchyard://endpoint/..',
    'switchyard://endpoint/ep-a?remap=ep-b',
    'switchyard://endpoint/ep-a#x',
    'switchyard://me@endpoint/ep-a',
    'switchyard://me:secret@endpoint/ep-a',
    'switchyard://endpoint:80/ep-a',
    'switchyard://migrate/12',
    'https://endpoint/ep-a',
    'javascript:alert(1)',
    `switchyard://endpoint/${'a'.repeat(300)}`,
    '',
  ])('%s leads nowhere', (link) => {
    expect(viewOfLink(link)).toBeNull();
  });

  it('is found among the words of a command line, and is none of ours there', () => {
    const words = ['/opt/Switchyard/switchyard', '--no-sandbox', 'switchyard://nowhere/1', 'switchyard://session/3', '--demo'];
    expect(viewAskedFor(words)).toBe('#/sessions?session=3');
    expect(ownWords(words, true)).toEqual(['--demo']);
    expect(viewAskedFor(['switchyard', '--demo'])).toBeNull();
  });
});
