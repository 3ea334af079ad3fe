import type { SettingsView } from '../../../../core/contract/index.ts';

type Shown = SettingsView['settings'];
type Pooling = Shown['pooling'];

/** The fields about pools that are numbers, with their names in the settings. */
export const poolNumbers = {
  poolSize: 'size',
  poolMin: 'min',
  poolReserve: 'reserve',
  poolReserveAfter: 'reserveAfter',
  poolPerBackend: 'perBackend',
  poolWait: 'wait',
  poolWaitNotice: 'waitNotice',
  poolIdle: 'idle',
  poolLifetime: 'lifetime',
  poolCheck: 'check',
  poolLogins: 'logins',
  poolRetryAfter: 'retryAfter',
} as const satisfies Record<string, keyof Pooling>;

/** The name of such a field in the form. */
export type PoolNumber = keyof typeof poolNumbers;

/** The part of the form that is about pools and metrics; numbers as they were typed. */
export interface PoolingDraft extends Record<PoolNumber, string> {
  poolMode: Pooling['mode'];
  poolProfile: Pooling['profile'];
  poolEndpoints: readonly Pooling['endpoints'][number][];
  abandoned: Pooling['abandoned'];
  /** Empty: no port. */
  metricsPort: string;
}

const numberKeys = Object.keys(poolNumbers) as PoolNumber[];

/** Where each field stands in the settings; a line of an endpoint stands at `pooling.endpoints.<index>.<field>`. */
export const poolingPaths: Record<Exclude<keyof PoolingDraft, 'poolEndpoints'>, string> = {
  poolMode: 'pooling.mode',
  poolProfile: 'pooling.profile',
  abandoned: 'pooling.abandoned',
  metricsPort: 'metrics.port',
  ...(Object.fromEntries(numberKeys.map((key) => [key, `pooling.${poolNumbers[key]}`])) as Record<PoolNumber, string>),
};

/** The fields of the form about pools, without the metrics. */
export const poolingFields: readonly (keyof PoolingDraft)[] = ['poolMode', 'poolProfile', 'poolEndpoints', 'abandoned', ...numberKeys];

/** The form that shows these settings. */
export function poolingDraftOf({ pooling, metrics }: Pick<Shown, 'pooling' | 'metrics'>): PoolingDraft {
  return {
    ...(Object.fromEntries(numberKeys.map((key) => [key, String(pooling[poolNumbers[key]])])) as Record<PoolNumber, string>),
    poolMode: pooling.mode,
    poolProfile: pooling.profile,
    poolEndpoints: pooling.endpoints,
    abandoned: pooling.abandoned,
    metricsPort: metrics.port === null ? '' : String(metrics.port),
  };
}

/** What is to be parsed as `pooling` and `metrics`; `number` makes NaN of what is none. */
export function poolingInput(draft: PoolingDraft, number: (text: string) => number) {
  return {
    pooling: {
      ...Object.fromEntries(numberKeys.map((key) => [poolNumbers[key], number(draft[key])])),
      mode: draft.poolMode,
      profile: draft.poolProfile,
      endpoints: draft.poolEndpoints,
      abandoned: draft.abandoned,
    },
    metrics: { port: draft.metricsPort.trim() === '' ? null : number(draft.metricsPort) },
  };
}

/** What is wrong though each field fits by itself. */
export function poolingErrors(draft: PoolingDraft, number: (text: string) => number): Record<string, string> {
  const errors: Record<string, string> = {};
  if (number(draft.poolMin) > number(draft.poolSize)) errors['poolMin'] = 'More than the pool may hold.';
  draft.poolEndpoints.forEach(({ endpoint }, index) => {
    const field = `pooling.endpoints.${index}.endpoint`;
    if (endpoint === '') errors[field] = 'Choose an endpoint.';
    else if (draft.poolEndpoints.findIndex((line) => line.endpoint === endpoint) < index) errors[field] = 'It has a line already.';
  });
  return errors;
}
