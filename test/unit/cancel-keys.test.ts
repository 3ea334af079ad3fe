/** Keys that nobody can guess or be given twice. */
import { describe, expect, it } from 'vitest';
import { CancelKeys } from '../../core/proxy/cancel-keys.ts';

describe('cancel keys', () => {
  it('are all different, and as long as the protocol has room for', () => {
    const keys = new CancelKeys();
    const issued = Array.from({ length: 3_000 }, (_, at) => ({ minor: at % 2 === 0 ? 0 : 2, ...keys.issue(at % 2 === 0 ? 0 : 2) }));
    expect(new Set(issued.map(({ pid }) => pid)).size).toBe(issued.length);
    expect(issued.every(({ pid }) => Number.isInteger(pid) && pid > 0 && pid <= 0x7fffffff)).toBe(true);
    expect(issued.every(({ minor, secret }) => secret.length === (minor === 2 ? 32 : 4))).toBe(true);
    const long = issued.filter(({ minor }) => minor === 2).map(({ secret }) => secret.toString('hex'));
    expect(new Set(long).size).toBe(long.length);
    expect(long).not.toContain('00'.repeat(32));
    // Every bit is used: of 1,500 keys each byte has been high and low.
    const secrets = issued.filter(({ minor }) => minor === 2).map(({ secret }) => secret);
    for (let at = 0; at < 32; at++) {
      const values = secrets.map((secret) => secret[at] ?? 0);
      expect(Math.max(...values)).toBeGreaterThan(0xf0);
      expect(Math.min(...values)).toBeLessThan(0x10);
    }
  });

  it('reach their owner, and only with the right secret', () => {
    const keys = new CancelKeys();
    const { pid, secret } = keys.issue(2);
    const kept = Buffer.from(secret);
    let cancelled = 0;
    keys.assign(pid, { cancel: () => ++cancelled > 0 });
    // What is issued afterwards does not change what was issued before.
    for (let i = 0; i < 1_000; i++) keys.issue(2);
    expect(secret).toEqual(kept);
    keys.request(pid, Buffer.alloc(32));
    keys.request(pid, secret.subarray(0, 4));
    expect(cancelled).toBe(0);
    keys.request(pid, secret);
    expect(cancelled).toBe(1);
    keys.revoke(pid);
    keys.request(pid, secret);
    expect(cancelled).toBe(1);
  });
});
