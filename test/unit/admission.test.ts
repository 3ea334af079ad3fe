import { describe, expect, it } from 'vitest';
import type { Settings } from '../../core/contract/index.ts';
import { Admission } from '../../core/proxy/admission.ts';
import { ClientRefusal } from '../../core/proxy/incoming.ts';
import { LoginClock } from '../../core/proxy/login-clock.ts';

function refusal(step: () => unknown): ClientRefusal {
  try {
    step();
  } catch (error) {
    if (error instanceof ClientRefusal) return error;
    throw error;
  }
  return expect.fail('nobody was refused');
}

describe('the limits on clients', () => {
  const limits: Settings['limits'] = { clients: 0, clientsPerEndpoint: 0, clientsPerUser: 0 };
  const make = (some: Partial<Settings['limits']>): Admission => new Admission(() => ({ ...limits, ...some }));

  it('in total, with the limit, the number and who holds the places', () => {
    const admission = make({ clients: 6 });
    const places = ['app', 'app', 'app', 'psql', '', 'job'].map((name) => admission.admit(() => name));
    const { sqlState, message, hint, detail } = refusal(() => admission.admit(() => 'late'));
    expect(sqlState).toBe('53300');
    expect(message).toBe('sorry, too many clients already: 6 are connected, at most 6 may be');
    expect(detail).toBe('Held by app (3), psql (1), unnamed applications (1), and 1 others.');
    expect(hint).toContain('limits.clients ');
    places[0]?.leave();
    places[0]?.leave();
    admission.admit(() => 'late');
    expect(admission.count).toBe(6);
    refusal(() => admission.admit(() => 'later'));
  });

  it('per endpoint and per user, of those who have come so far', () => {
    const admission = make({ clientsPerEndpoint: 2, clientsPerUser: 3 });
    const come = (endpoint: string, user: string): void => admission.admit(() => 'app').assign(endpoint, user);
    come('ep-a', 'u');
    come('ep-a', 'u');
    expect(refusal(() => come('ep-a', 'v')).message).toContain('at endpoint "ep-a": 2 are connected, at most 2');
    come('ep-b', 'u');
    expect(refusal(() => come('ep-b', 'u')).message).toContain('of user "u": 3 are connected, at most 3');
    come('ep-b', 'v');
  });

  it('0 is no limit', () => {
    const admission = make({});
    for (let i = 0; i < 5_000; i++) admission.admit(() => '').assign('ep-a', 'u');
    expect(admission.count).toBe(5_000);
  });
});

describe('the time for a login', () => {
  it('ends those that take too long, in PostgreSQL’s words, and no others', () => {
    const clock = new LoginClock();
    const [slow, done] = [clock.start(), clock.start()];
    done.finish();
    clock.sweep(2, 100, Date.now() + 1_900);
    expect(slow.signal.aborted).toBe(false);
    clock.sweep(2, 100, Date.now() + 2_100);
    expect(slow.signal.reason).toMatchObject({ sqlState: '57014', message: 'canceling authentication due to timeout' });
    expect(done.signal.aborted).toBe(false);
    expect(clock.count).toBe(0);
  });

  it('0 is no limit; of too many the oldest go', () => {
    const clock = new LoginClock();
    const logins = Array.from({ length: 5 }, () => clock.start());
    clock.sweep(0, 3, Date.now() + 1e9);
    expect(logins.map(({ signal }) => signal.aborted)).toEqual([true, true, false, false, false]);
    expect(logins[0]?.signal.reason).toMatchObject({ sqlState: '53300' });
    clock.sweep(0, 3, Date.now() + 1e9);
    expect(clock.count).toBe(3);
  });

  it('is ended early by a reason, and by none once it is over', () => {
    const clock = new LoginClock();
    const [left, over] = [clock.start(), clock.start()];
    const reason = new Error('the client left');
    left.abort(reason);
    expect(left.signal.reason).toBe(reason);
    over.finish();
    over.abort(reason);
    expect(over.signal.aborted).toBe(false);
    expect(clock.count).toBe(0);
  });
});
