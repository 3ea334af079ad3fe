import type { SettingsView } from '../../../../core/contract/index.ts';
import type { Draft, DraftErrors } from './draft.ts';

/** The id of the form that Enter in any staged field submits. Users have a form of their own, and forms do not nest. */
export const SETTINGS_FORM = 'settings-form';

/** What a card of the view shows. */
export interface CardProps {
  view: SettingsView;
  draft: Draft;
  errors: DraftErrors;
}
