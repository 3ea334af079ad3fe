/** The greeting is kept, and never told to somebody whom it does not fit. */
import { expect, it } from 'vitest';
import { greeting } from '../../core/proxy/greeting.ts';
import { parameterStatus, readyForQuery } from '../../core/wire/messages.ts';

function asItShouldBe(parameters: ReadonlyMap<string, string>): Buffer {
  return Buffer.concat([...[...parameters].map(([name, value]) => parameterStatus(name, value)), readyForQuery()]);
}

it('is made once, and anew after every change', () => {
  const parameters = new Map([
    ['server_version', '18.4'],
    ['TimeZone', 'UTC'],
  ]);
  const first = greeting(parameters);
  expect(first).toEqual(asItShouldBe(parameters));
  expect(greeting(parameters)).toBe(first);
  const changes: (() => unknown)[] = [
    () => parameters.set('TimeZone', 'Europe/Berlin'),
    () => parameters.set('DateStyle', 'ISO'),
    () => parameters.delete('server_version'),
    () => parameters.delete('TimeZone') && parameters.set('time_zone', 'Europe/Berlin'),
  ];
  for (const change of changes) {
    change();
    expect(greeting(parameters)).toEqual(asItShouldBe(parameters));
  }
  expect(greeting(new Map())).toEqual(readyForQuery());
});
