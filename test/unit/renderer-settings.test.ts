import { beforeEach, describe, expect, it } from 'vitest';
import { settings as settingsSchema } from '../../core/contract/index.ts';
import type { SettingsView } from '../../core/contract/index.ts';
import { draftOf, editedGroups, fieldsOf, readDraft, rebase, withoutEmpty } from '../../renderer/src/features/settings/draft.ts';
import type { Draft } from '../../renderer/src/features/settings/draft.ts';
import { verifiedPsqlLine } from '../../renderer/src/features/settings/psql-line.ts';
import { sections, wrongIn } from '../../renderer/src/features/settings/sections.ts';
import { discard, edit, takeView, useStaged } from '../../renderer/src/features/settings/staged.ts';

const settings: SettingsView['settings'] = settingsSchema.parse({
  tls: { clients: 'allow', certificate: { kind: 'files', certificate: '/c.pem', key: '/k.pem' } },
  listeners: [{ endpoint: 'ep-a', port: 6500 }],
});
const base = draftOf(settings);
const view: SettingsView = { settings, authorityFile: null, listeners: [], problems: [], file: null };

describe('readDraft', () => {
  it('gives back the settings that the form was made from', () => {
    // Users have calls of their own.
    const { method, verifiersFrom, admins } = settings.authentication;
    expect(readDraft(base)).toEqual({ ok: true, settings: { ...settings, authentication: { method, verifiersFrom, admins } }, errors: {} });
  });

  it.each([
    ['', 'Give a whole number; 0 stands for none.'],
    ['many', 'Give a whole number; 0 stands for none.'],
    ['1e3', 'Give a whole number; 0 stands for none.'],
    ['-1', 'Give a whole number; 0 stands for none.'],
    ['1.5', 'Give a whole number; 0 stands for none.'],
    ['86401', 'At most 86,400.'],
  ])('refuses %j as a time, by its field', (idleClient, words) => {
    expect(readDraft({ ...base, idleClient }).errors).toEqual({ idleClient: words });
  });

  it('takes a number with blanks around it', () => {
    expect(readDraft({ ...base, clients: ' 12 ' }).settings?.limits?.clients).toBe(12);
  });

  it('wants both files, and a certificate for encryption', () => {
    const empty = { ...base, certificateFile: ' ', keyFile: '' };
    expect(readDraft(empty).errors).toEqual({ certificateFile: 'Give the path of the file.', keyFile: 'Give the path of the file.' });
    expect(Object.keys(readDraft({ ...base, certificate: 'none' }).errors)).toEqual(['certificate']);
    expect(readDraft({ ...base, certificate: 'none', tlsClients: 'off' }).ok).toBe(true);
  });

  it('names the port that does not fit, is taken twice, or is the proxy’s own; 0 may be there twice', () => {
    const listeners = ['0', '0', '6501', '6501', '6432', '70000', 'x'].map((port) => ({ endpoint: 'ep-a', port }));
    expect(readDraft({ ...base, listeners }, 6432).errors).toEqual({
      'listeners.3.port': 'ep-a has this port already.',
      'listeners.4.port': 'This is the port of the proxy itself.',
      'listeners.5.port': 'At most 65,535.',
      'listeners.6.port': 'Give a port, or 0 for any that is free.',
    });
  });

  it('says what does not fit the pools: a number, a bound, more at least than at most, an endpoint twice', () => {
    const line = { endpoint: 'ep-a', mode: 'transaction', profile: 'strict' } as const;
    const draft = {
      ...base,
      poolLogins: '0',
      poolWait: 'long',
      poolSize: '5',
      poolMin: '6',
      poolEndpoints: [line, { ...line, endpoint: '' }, line],
    };
    expect(readDraft(draft).errors).toEqual({
      poolLogins: 'At least 1.',
      poolWait: 'Give a whole number; 0 stands for none.',
      poolMin: 'More than the pool may hold.',
      'pooling.endpoints.1.endpoint': 'Choose an endpoint.',
      'pooling.endpoints.2.endpoint': 'It has a line already.',
    });
  });

  it('serves metrics on no port, any, or one that nobody has', () => {
    const listeners = [{ endpoint: 'ep-a', port: '6500' }];
    expect(readDraft({ ...base, metricsPort: ' ' }).settings?.metrics?.port).toBeNull();
    expect(readDraft({ ...base, metricsPort: '0' }).settings?.metrics?.port).toBe(0);
    expect(readDraft({ ...base, listeners, metricsPort: '6500' }).errors).toEqual({ metricsPort: 'ep-a has this port already.' });
    expect(readDraft({ ...base, metricsPort: '6432' }, 6432).errors).toEqual({ metricsPort: 'This is the port of the proxy itself.' });
  });

  it('carries every number that the settings have', () => {
    const other = (value: unknown): unknown => {
      if (typeof value === 'number') return value + 1;
      if (Array.isArray(value)) return value.map(other);
      if (typeof value !== 'object' || value === null) return value;
      return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, other(each)]));
    };
    const changed = settingsSchema.parse(other({ ...settings, metrics: { port: 9000 }, balancing: {} }));
    const balancing = { ...changed.balancing, everySeconds: 31, rate: 0.07, threshold: 0.155, minStaySeconds: 61 };
    const { limits, times, pooling, metrics, listeners, migration, resurrection } = changed;
    expect(readDraft(draftOf({ ...changed, balancing })).settings).toMatchObject({
      limits,
      times,
      pooling,
      metrics,
      listeners,
      migration,
      resurrection,
      balancing,
    });
  });

  it.each([
    ['0', 'Give more than 0 and at most 100 percent.'],
    ['101', 'Give more than 0 and at most 100 percent.'],
    ['half', 'Give more than 0 and at most 100 percent.'],
    ['0.5', null],
    ['100', null],
  ])('a share of %s percent moved per round: %s', (balanceRate, words) => {
    expect(readDraft({ ...base, balanceRate }).errors['balanceRate'] ?? null).toBe(words);
  });

  it('says which group is wrong, and in what', () => {
    const balanceGroups = [
      { name: 'shop', endpoints: ['ep-a', 'ep-b'] },
      { name: ' shop', endpoints: ['ep-b', 'ep-c'] },
      { name: '', endpoints: ['ep-d'] },
    ];
    const { ok, errors } = readDraft({ ...base, balanceGroups });
    expect(ok).toBe(false);
    expect(errors).toEqual({
      'balancing.groups.1.name': 'Another group has this name.',
      'balancing.groups.1.endpoints': 'ep-b is in group shop already.',
      'balancing.groups.2.name': 'Give the group a name.',
      'balancing.groups.2.endpoints': 'Choose at least two endpoints.',
    });
    expect([wrongIn('balancing', errors), wrongIn('limits', errors), wrongIn(null, errors)]).toEqual([4, 0, 0]);
  });

  it('reads the admins as they are written', () => {
    expect(readDraft({ ...base, admins: ' ann,bob , ,' }).settings?.authentication?.admins).toEqual(['ann', 'bob']);
    expect(readDraft({ ...base, admins: '' }).settings?.authentication?.admins).toEqual([]);
    expect(readDraft({ ...base, admins: 'x'.repeat(64) }).ok).toBe(false);
  });

  it('has every part of it in the index, once', () => {
    const parts = sections.flatMap(({ part }) => (part === null ? [] : [part]));
    const everything: Draft = { ...base };
    const all = Object.fromEntries(Object.keys(everything).map((key) => [key, 'edited'])) as unknown as Draft;
    expect(parts.toSorted()).toEqual(editedGroups(all, base).toSorted());
    const fields = parts.flatMap((part) => fieldsOf(part).fields);
    expect(fields.toSorted()).toEqual(Object.keys(base).toSorted());
  });

  it('keeps the modes of endpoints, each as it was', () => {
    const pooling = { ...settings.pooling, endpoints: [{ endpoint: 'ep-b', mode: 'transaction', profile: 'observe' } as const] };
    expect(readDraft(draftOf({ ...settings, pooling })).settings?.pooling).toEqual(pooling);
  });

  it('leaves out of the errors only what was not filled in yet', () => {
    const draft = { ...base, certificateFile: '', clients: '' };
    expect(Object.keys(withoutEmpty(readDraft(draft).errors, draft))).toEqual(['clients']);
  });
});

describe('rebase', () => {
  it('keeps what was edited and follows in the rest', () => {
    const after = { ...base, tlsClients: 'require' as const, login: '10', clients: '7' };
    expect(rebase({ ...base, login: '5' }, base, after)).toEqual({ ...after, login: '5' });
  });
});

describe('staged edits', () => {
  beforeEach(() => {
    useStaged.setState({ view: null, draft: null });
    takeView(view);
  });

  it('are none once the form says again what is at work', () => {
    edit({ login: '5' });
    expect(editedGroups(useStaged.getState().draft ?? base, base)).toEqual(['times']);
    edit({ login: base.login });
    expect(useStaged.getState().draft).toBeNull();
  });

  it('survive what another call changes, and end with apply or discard', () => {
    edit({ login: '5' });
    const changed: SettingsView = { ...view, settings: { ...settings, tls: { clients: 'allow', certificate: { kind: 'local' } } } };
    takeView(changed);
    expect(useStaged.getState().draft).toMatchObject({ login: '5', certificate: 'local' });
    discard();
    expect(useStaged.getState().draft).toBeNull();
    edit({ login: '5' });
    takeView(changed, true);
    expect(useStaged.getState().draft).toBeNull();
  });
});

describe('verifiedPsqlLine', () => {
  it('names the authority and quotes what a shell or libpq would cut', () => {
    expect(verifiedPsqlLine(6432, '/home/me/ca.pem', { user: 'me', database: 'shop' })).toBe(
      'psql "host=localhost port=6432 user=me dbname=shop sslmode=verify-full sslrootcert=/home/me/ca.pem"',
    );
    expect(verifiedPsqlLine(6432, '/Application Support/$x/ca.pem', null)).toBe(
      `psql "host=localhost port=6432 dbname=postgres sslmode=verify-full sslrootcert='/Application Support/\\$x/ca.pem'"`,
    );
  });
});
