import { settings } from '../../../../core/contract/index.ts';
import { draftOf } from './draft.ts';
import type { Draft } from './draft.ts';

/** The form as it looks with the settings that hold where nothing was chosen. */
export const standard: Draft = draftOf(settings.parse({}));
