import type { CarryOptions, SettingsView } from '../../../../core/contract/index.ts';

type Shown = SettingsView['settings'];
type Group = Shown['balancing']['groups'][number];

/** What may be carried along in a move, in the order of the form. */
export const carryOptionsShown = [
  'advisoryLocks',
  'heldCursors',
  'temporaryTables',
  'sequences',
] as const satisfies readonly (keyof CarryOptions)[];

/** The part of the form that is about moving sessions, lost servers and balancing; numbers as they were typed, shares in percent. */
export interface MovesDraft {
  carry: CarryOptions;
  movesAtOnce: string;
  movesPerBackend: string;
  resurrect: boolean;
  resurrectAfter: string;
  resurrectWithin: string;
  balanceGroups: readonly Group[];
  balanceEvery: string;
  balanceRate: string;
  balanceThreshold: string;
  balanceStay: string;
}

/** The fields of it that take a number. */
export type MovesNumber =
  | 'movesAtOnce'
  | 'movesPerBackend'
  | 'resurrectAfter'
  | 'resurrectWithin'
  | 'balanceEvery'
  | 'balanceRate'
  | 'balanceThreshold'
  | 'balanceStay';

/** Where each field stands in the settings; what belongs to a group stands at `balancing.groups.<index>.<field>`. */
export const movesPaths: Record<Exclude<keyof MovesDraft, 'balanceGroups'>, string> = {
  carry: 'migration.carry',
  movesAtOnce: 'migration.atOnce',
  movesPerBackend: 'migration.loginsPerBackend',
  resurrect: 'resurrection.enabled',
  resurrectAfter: 'resurrection.afterIdleSeconds',
  resurrectWithin: 'resurrection.withinSeconds',
  balanceEvery: 'balancing.everySeconds',
  balanceRate: 'balancing.rate',
  balanceThreshold: 'balancing.threshold',
  balanceStay: 'balancing.minStaySeconds',
};

/** The form that shows these settings. */
export function movesDraftOf({ migration, resurrection, balancing }: Pick<Shown, 'migration' | 'resurrection' | 'balancing'>): MovesDraft {
  return {
    carry: migration.carry,
    movesAtOnce: String(migration.atOnce),
    movesPerBackend: String(migration.loginsPerBackend),
    resurrect: resurrection.enabled,
    resurrectAfter: String(resurrection.afterIdleSeconds),
    resurrectWithin: String(resurrection.withinSeconds),
    balanceGroups: balancing.groups,
    balanceEvery: String(balancing.everySeconds),
    balanceRate: percentOf(balancing.rate),
    balanceThreshold: percentOf(balancing.threshold),
    balanceStay: String(balancing.minStaySeconds),
  };
}

/** What is to be parsed as `migration`, `resurrection` and `balancing`; `number` makes NaN of what is none. */
export function movesInput(draft: MovesDraft, number: (text: string) => number) {
  return {
    migration: { carry: draft.carry, atOnce: number(draft.movesAtOnce), loginsPerBackend: number(draft.movesPerBackend) },
    resurrection: {
      enabled: draft.resurrect,
      afterIdleSeconds: number(draft.resurrectAfter),
      withinSeconds: number(draft.resurrectWithin),
    },
    balancing: {
      groups: draft.balanceGroups.map(({ name, endpoints }) => ({ name: name.trim(), endpoints })),
      everySeconds: number(draft.balanceEvery),
      rate: share(draft.balanceRate),
      threshold: share(draft.balanceThreshold),
      minStaySeconds: number(draft.balanceStay),
    },
  };
}

/** What is wrong though each field fits by itself, and shares in the words of the form. */
export function movesErrors(draft: MovesDraft): Record<string, string> {
  const errors: Record<string, string> = {};
  if (!(share(draft.balanceRate) > 0 && share(draft.balanceRate) <= 1)) errors['balanceRate'] = 'Give more than 0 and at most 100 percent.';
  if (!(share(draft.balanceThreshold) <= 1)) errors['balanceThreshold'] = 'Give 0 to 100 percent.';
  const homes = new Map<string, string>();
  draft.balanceGroups.forEach(({ name, endpoints }, index) => {
    const field = `balancing.groups.${index}`;
    if (name.trim() === '') errors[`${field}.name`] = 'Give the group a name.';
    else if (draft.balanceGroups.findIndex((other) => other.name.trim() === name.trim()) < index) {
      errors[`${field}.name`] = 'Another group has this name.';
    }
    if (endpoints.length < 2) errors[`${field}.endpoints`] = 'Choose at least two endpoints.';
    for (const endpoint of endpoints) {
      const home = homes.get(endpoint);
      if (home !== undefined) errors[`${field}.endpoints`] = `${endpoint} is in group ${home} already.`;
      else homes.set(endpoint, name.trim());
    }
  });
  return errors;
}

/** `0.15` as `15`; two digits behind the point at most. */
function percentOf(share: number): string {
  return String(Math.round(share * 10_000) / 100);
}

function share(text: string): number {
  return /^\d{1,3}(\.\d{1,2})?$/.test(text.trim()) ? Number(text) / 100 : Number.NaN;
}
