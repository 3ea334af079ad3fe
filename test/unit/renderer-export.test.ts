/** Exports read back: what is in the file is what the rows said, whatever a client called itself. */
import { describe, expect, it } from 'vitest';
import { fileName, toCsv, toJson } from '../../renderer/src/lib/export.ts';
import { csvRecords as records, parseCsv } from '../support/csv.ts';

const AT = Date.UTC(2026, 10, 21, 14, 3, 9);

describe('CSV', () => {
  it('reads back as what went in: commas, quotes, line ends, leading blanks, other scripts', () => {
    const texts = ['plain', 'a,b', 'say "hi"', 'two\r\nlines', 'two\nlines', ' blank ', 'Größe 数 🚂', '', '"', ',', "it's", 'back\\slash'];
    const rows = texts.map((text, id) => ({ id, application: text }));
    expect(records(toCsv(rows))).toEqual(texts.map((application, id) => ({ id: String(id), application })));
  });

  it('lets no cell be a formula for a spreadsheet, and leaves numbers alone', () => {
    const evil = ['=1+1', '+1', '-1+2', '@SUM(A1)', '\t=1', '\r=1', '=HYPERLINK("http://x","y")', '＝1'];
    const read = records(toCsv(evil.map((application) => ({ application, delta: -5, at: AT }))));
    expect(read.map(({ application }) => application)).toEqual(evil.map((text) => `'${text}`));
    for (const { delta } of read) expect(delta).toBe('-5');
  });

  it('neutralises names of columns and nested values, too', () => {
    const [names = []] = parseCsv(toCsv([{ pools: { '=cmd': 1 } }]));
    for (const name of names) expect(name).not.toMatch(/^[=+\-@\t\r]/);
    expect(records(toCsv([{ inner: { text: '=2' } }]))[0]).toEqual({ 'inner.text': "'=2" });
  });

  it('gives objects columns of their own, lists one cell of JSON, and nothing an empty cell', () => {
    const rows = [
      { id: 1, transfer: null, pins: [], wait: { p50: 0, p95: 1.5 }, tls: null, on: true },
      {
        id: 2,
        transfer: { id: 7, to: 'ep-b' },
        pins: [{ code: 'listen', since: AT }],
        wait: { p50: 2, p95: 3 },
        tls: 'TLSv1.3',
        on: false,
      },
    ];
    expect(records(toCsv(rows))).toEqual([
      { id: '1', pins: '', 'wait.p50': '0', 'wait.p95': '1.5', tls: '', on: 'true', 'transfer.id': '', 'transfer.to': '' },
      {
        id: '2',
        pins: '[{"code":"listen","since":"2026-11-21T14:03:09.000Z"}]',
        'wait.p50': '2',
        'wait.p95': '3',
        tls: 'TLSv1.3',
        on: 'false',
        'transfer.id': '7',
        'transfer.to': 'ep-b',
      },
    ]);
  });

  it('is a valid file without a row', () => {
    expect(toCsv([]).trim()).toBe('');
  });
});

describe('JSON', () => {
  it('is what the rows say, with moments that a person can read', () => {
    const row = { id: 1, connectedAt: AT, stateSince: AT, waitMs: 3, lastRequest: { type: 'Q', at: 812 }, events: [{ at: AT, name: 'x' }] };
    expect(JSON.parse(toJson([row]))).toEqual([
      {
        ...row,
        connectedAt: '2026-11-21T14:03:09.000Z',
        stateSince: '2026-11-21T14:03:09.000Z',
        events: [{ at: '2026-11-21T14:03:09.000Z', name: 'x' }],
      },
    ]);
  });

  it('does not take a large count for a moment', () => {
    const row = { bytesIn: AT, queries: AT };
    expect(JSON.parse(toJson([row]))).toEqual([row]);
  });
});

it('names a file by what is in it and when it was made', () => {
  expect(fileName('sessions', 'csv', AT)).toBe('sessions-2026-11-21T140309Z.csv');
});
