/** Who prepares when: the places, their order, and giving up; and where a drained backend's clients go. */
import { describe, expect, it } from 'vitest';
import { EndpointMap, parseBackendUrl } from '../../core/endpoints/map.ts';
import { Redirects } from '../../core/endpoints/redirects.ts';
import { Pace } from '../../core/migration/planner/pace.ts';

const forever = (): AbortSignal => new AbortController().signal;
/** Everything that is settled by now has been heard. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('Pace', () => {
  it('never lets more in than it may, and everybody in the end, in the order of asking', async () => {
    const pace = new Pace(() => ({ atOnce: 2, loginsPerBackend: 2 }));
    const order: number[] = [];
    let most = 0;
    await Promise.all(
      Array.from({ length: 100 }, async (_, index) => {
        const giveBack = await pace.take('a', forever());
        order.push(index);
        most = Math.max(most, pace.load.busy);
        await turn();
        giveBack();
        giveBack();
      }),
    );
    expect(most).toBe(2);
    expect(order).toEqual(Array.from({ length: 100 }, (_, index) => index));
    expect(pace.load).toEqual({ busy: 0, queued: 0 });
  });

  it('passes over those of a full backend only, and serves them first once it has room', async () => {
    const pace = new Pace(() => ({ atOnce: 3, loginsPerBackend: 1 }));
    const served: string[] = [];
    const ask = async (backend: string, name: string): Promise<() => void> => {
      const giveBack = await pace.take(backend, forever());
      served.push(name);
      return giveBack;
    };
    const first = await ask('a', 'a1');
    const second = ask('a', 'a2');
    const other = await ask('b', 'b1');
    const third = ask('b', 'b2');
    await ask('c', 'c1');
    await turn();
    expect(served).toEqual(['a1', 'b1', 'c1']);
    other();
    first();
    await Promise.all([second, third]);
    expect(served).toEqual(['a1', 'b1', 'c1', 'b2', 'a2']);
  });

  it('forgets who gives up, and takes no place for one', async () => {
    const pace = new Pace(() => ({ atOnce: 1, loginsPerBackend: 1 }));
    const giveBack = await pace.take('a', forever());
    const impatient = new AbortController();
    const refused = expect(pace.take('a', impatient.signal)).rejects.toThrow('no longer');
    const patient = pace.take('a', forever());
    impatient.abort(new Error('no longer'));
    await refused;
    expect(pace.load).toEqual({ busy: 1, queued: 1 });
    await expect(pace.take('a', impatient.signal)).rejects.toThrow('no longer');
    giveBack();
    (await patient)();
    expect(pace.load).toEqual({ busy: 0, queued: 0 });
  });

  it('follows limits that change', async () => {
    const limits = { atOnce: 1, loginsPerBackend: 8 };
    const pace = new Pace(() => limits);
    const giveBack = await pace.take('a', forever());
    const waiting = [pace.take('a', forever()), pace.take('a', forever())];
    limits.atOnce = 2;
    giveBack();
    for (const each of await Promise.all(waiting)) each();
    expect(pace.load).toEqual({ busy: 0, queued: 0 });
  });
});

describe('Redirects', () => {
  const line = (id: string, port: number) => ({ id, ...parseBackendUrl(`postgresql://h:${port}/d`) });
  const three = (): EndpointMap => new EndpointMap([line('a', 1), line('b', 2), line('c', 3)]);

  it('lead on, from one drained backend to the next', () => {
    const map = three();
    const redirects = new Redirects(map);
    redirects.set('h:1', 'b');
    expect(redirects.resolve(map.require('a')).id).toBe('b');
    redirects.set('h:2', 'c');
    expect(redirects.resolve(map.require('a')).id).toBe('c');
    expect(redirects.of('h:1')).toBe('b');
    expect(redirects.delete('h:1')).toBe(true);
    expect(redirects.delete('h:1')).toBe(false);
    expect(redirects.resolve(map.require('a')).id).toBe('a');
  });

  it('lead neither back nor to what is drained itself', () => {
    const redirects = new Redirects(three());
    expect(() => redirects.set('h:1', 'a')).toThrow(expect.objectContaining({ code: 'same_backend' }));
    expect(() => redirects.set('h:1', 'x')).toThrow(expect.objectContaining({ code: 'unknown_endpoint' }));
    redirects.set('h:1', 'b');
    expect(() => redirects.set('h:2', 'a')).toThrow(expect.objectContaining({ code: 'draining' }));
  });

  it('leave a client where it wanted to go when the map has changed beneath them', () => {
    const map = three();
    const redirects = new Redirects(map);
    redirects.set('h:1', 'b');
    map.delete('b');
    expect(redirects.resolve(map.require('a')).id).toBe('a');
    map.set(line('b', 1));
    expect(redirects.resolve(map.require('a')).id).toBe('a');
  });
});
