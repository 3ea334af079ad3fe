import { describe, expect, it } from 'vitest';
import { SessionJournal, UNNAMED_LIMIT } from '../../core/session/journal.ts';
import { Link } from '../../core/session/link.ts';
import { RequestProcessor } from '../../core/session/request-processor.ts';
import { ResponseProcessor } from '../../core/session/response-processor.ts';
import { bind, close, cstring, execute, frame, int16, int32, parse, query, syncMessage } from '../../core/wire/messages.ts';
import { errorResponse } from '../../core/wire/errors.ts';

/** A journal behind both processors, as a session has it. */
function session(startupNames: string[] = []): {
  journal: SessionJournal;
  send: (...frames: Buffer[]) => void;
  hear: (...frames: Buffer[]) => void;
} {
  const journal = new SessionJournal(startupNames);
  const link = new Link();
  const request = new RequestProcessor(link, journal, {
    forward: () => undefined,
    terminated: () => undefined,
    dropped: () => undefined,
    needsOwnNames: () => false,
    violated: (message) => expect.fail(message),
  });
  const response = new ResponseProcessor(link, journal, 1, {
    forward: () => undefined,
    parameter: () => undefined,
    copyInStarted: () => undefined,
    violated: (message) => expect.fail(message),
  });
  return {
    journal,
    // In two pieces each, so that what is collected is collected.
    send: (...frames) => {
      const bytes = Buffer.concat(frames);
      request.push(bytes.subarray(0, bytes.length >> 1));
      request.push(bytes.subarray(bytes.length >> 1));
    },
    hear: (...frames) => response.push(Buffer.concat(frames)),
  };
}

const failure = errorResponse({ severity: 'ERROR', sqlState: '42601', message: 'no' });

describe('the unnamed statement', () => {
  it('is the last one parsed, until a query or a Close', () => {
    const { journal, send } = session();
    const first = parse('', 'select 1');
    const second = parse('', 'select $1::int', [23]);
    send(first, syncMessage);
    expect(journal.unnamedParse?.equals(first)).toBe(true);
    send(parse('named', 'select 3'), second, syncMessage);
    expect(journal.unnamedParse?.equals(second)).toBe(true);
    send(close('S', 'named'), close('P', ''));
    expect(journal.unnamedParse?.equals(second)).toBe(true);
    send(close('S', ''));
    expect(journal.unnamedParse).toBeNull();
    send(second, query('select 1'));
    expect(journal.unnamedParse).toBeNull();
  });

  it('is too large to keep beyond a mebibyte, and says so until it is replaced', () => {
    const { journal, send } = session();
    const large = parse('', `select '${'x'.repeat(UNNAMED_LIMIT)}'`);
    send(large);
    expect(journal.unnamedParse).toBeNull();
    expect(journal.unnamedTooLarge).toBe(large.length);
    send(parse('', 'select 1'));
    expect(journal.unnamedTooLarge).toBe(0);
  });

  it('is not known after an error that made the server skip another one, and is again after the next', () => {
    const { journal, send, hear } = session();
    send(parse('', 'select 1'), syncMessage);
    hear(frame(0x31), frame(0x5a, Buffer.from('I')));
    expect(journal.unnamedUncertain).toBe(false);
    send(bind('', 'missing'), parse('', 'select 2'), syncMessage);
    hear(failure, frame(0x5a, Buffer.from('I')));
    expect(journal.unnamedUncertain).toBe(true);
    send(parse('', 'select 3'), syncMessage);
    expect(journal.unnamedUncertain).toBe(false);
  });

  it('is not known either when the skipped one is sent behind the error', () => {
    const { journal, send, hear } = session();
    send(bind('', 'missing'));
    hear(failure);
    expect(journal.unnamedUncertain).toBe(false);
    send(parse('', 'select 2'), execute(''));
    expect(journal.unnamedUncertain).toBe(true);
  });
});

describe('names of custom settings', () => {
  it('come from the startup, from SQL, and from values bound to set_config', () => {
    const { journal, send } = session(['Start.Up', 'timezone']);
    send(query("set app.one = '1'"), parse('s', "select set_config('app.two', $1, false)"), parse('t', 'select set_config($2, $1, false)'));
    expect(journal.watchesBinds).toBe(true);
    send(bind('', 't', ['value', 'App.Three']), syncMessage);
    expect([...journal.customNames].sort()).toEqual(['app.one', 'app.three', 'app.two', 'start.up']);
    expect(journal.dynamicCustomSetting).toBe(false);
  });

  it('are not found in a Bind that cannot be read, and that is all that happens', () => {
    const { journal, send } = session();
    send(parse('t', 'select set_config($1, $2, false)'));
    const names = Buffer.concat([cstring(''), cstring('t')]);
    for (const rest of [
      Buffer.alloc(0),
      Buffer.alloc(1),
      int16(-1),
      Buffer.concat([int16(0), Buffer.alloc(1)]),
      Buffer.concat([int16(0), int16(5)]),
      Buffer.concat([int16(0), int16(1), int32(1_000_000), Buffer.from('x')]),
    ]) {
      expect(() => send(frame(0x42, names, rest))).not.toThrow();
    }
    expect(journal.customNames.size).toBe(0);
  });
});

it('the kind of the last statement is its first word', () => {
  const { journal, send } = session();
  send(query('  /* why */ insert into t values (1)'));
  expect(journal.kind).toBe('INSERT');
  send(parse('', '-- a remark\nWITH x AS (SELECT 1) SELECT * FROM x'));
  expect(journal.kind).toBe('WITH');
});

it('types of the user’s own are remembered, those every server has are not', () => {
  const { journal, send, hear } = session();
  send(parse('', 'select $1', [25, 16_400]));
  const column = (oid: number): Buffer =>
    Buffer.concat([cstring('column'), int32(0), int16(0), int32(oid), int16(-1), int32(-1), int16(0)]);
  hear(frame(0x54, int16(2), column(23), column(16_500)), frame(0x74, int16(2), int32(16_600), int32(1043)));
  expect([...journal.unstableTypes]).toEqual([16_400, 16_500, 16_600]);
});
