import type { Draft, DraftErrors } from './draft.ts';
import { fieldsOf } from './draft.ts';

/** The groups of the view, in the order of its index. `edited`: the name of its part of the form, if it has one. */
export const sections = [
  { id: 'listening', title: 'Where clients connect', part: null },
  { id: 'tls', title: 'TLS for clients', part: 'TLS' },
  { id: 'authentication', title: 'Client authentication', part: 'authentication' },
  { id: 'routing', title: 'Routing', part: 'routing' },
  { id: 'limits', title: 'Limits', part: 'limits' },
  { id: 'times', title: 'Times', part: 'times' },
  { id: 'pooling', title: 'Pools', part: 'pools' },
  { id: 'moves', title: 'Migration', part: 'migration' },
  { id: 'resurrection', title: 'Lost servers', part: 'lost servers' },
  { id: 'balancing', title: 'Balancing', part: 'balancing' },
  { id: 'metrics', title: 'Metrics', part: 'metrics' },
  { id: 'appearance', title: 'Appearance', part: null },
  { id: 'desktop', title: 'Desktop', part: null },
] as const;
export type SectionId = (typeof sections)[number]['id'];

/** The heading of a group. */
export function sectionTitle(id: SectionId): string {
  return sections.find((section) => section.id === id)?.title ?? id;
}

/** How many fields of a group do not fit. */
export function wrongIn(part: (typeof sections)[number]['part'], errors: DraftErrors): number {
  if (part === null) return 0;
  const { fields, prefixes } = fieldsOf(part);
  const names = Object.keys(errors);
  return names.filter((name) => fields.includes(name as keyof Draft) || prefixes.some((prefix) => name.startsWith(prefix))).length;
}
