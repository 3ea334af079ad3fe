import type { ReactNode } from 'react';
import { TextField } from '../../ui/Field.tsx';
import { SETTINGS_FORM } from './form.ts';
import type { CardProps } from './form.ts';
import type { Draft } from './draft.ts';
import type { MovesNumber } from './draft-moves.ts';
import type { PoolNumber } from './draft-pooling.ts';
import { Restore } from './Restore.tsx';
import { edit } from './staged.ts';

type NumberKey =
  | 'clients'
  | 'clientsPerEndpoint'
  | 'clientsPerUser'
  | 'login'
  | 'idleClient'
  | 'idleInTransaction'
  | 'query'
  | 'transaction'
  | 'keepalive'
  | 'metricsPort'
  | MovesNumber
  | PoolNumber;

interface NumberFieldProps extends Pick<CardProps, 'draft' | 'errors'> {
  field: NumberKey & keyof Draft;
  label: string;
  hint?: string;
  placeholder?: string;
}

/** A field of the form that takes a whole number, as it is typed. */
export function NumberField({ field, label, hint, placeholder, draft, errors }: NumberFieldProps): ReactNode {
  return (
    <TextField
      label={label}
      aside={<Restore field={field} draft={draft} words={placeholder?.toLowerCase()} />}
      inputMode="numeric"
      form={SETTINGS_FORM}
      value={draft[field]}
      error={errors[field] ?? null}
      placeholder={placeholder}
      {...(hint === undefined ? {} : { hint })}
      onChange={(event) => edit({ [field]: event.target.value })}
    />
  );
}
