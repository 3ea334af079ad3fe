import type { ReactNode } from 'react';
import { useServer } from '../../store/server.ts';
import { ChoiceField, SelectField, TextField } from '../../ui/Field.tsx';
import { Notice } from '../../ui/Notice.tsx';
import { Card } from './Card.tsx';
import { Users } from './Users.tsx';
import type { Draft } from './draft.ts';
import { SETTINGS_FORM } from './form.ts';
import type { CardProps } from './form.ts';
import { Restore } from './Restore.tsx';
import { edit } from './staged.ts';

const methodHints: Record<Draft['method'], string> = {
  trust: 'A client’s word is enough. Only while the proxy listens on this machine alone.',
  'scram-sha-256': 'The password never crosses the wire. With the same verifier on the server, a client’s proof opens that login too.',
  md5: 'For old drivers only: the hash is weak, and as good as the password to whoever reads it.',
  password: 'In clear, so only over TLS or from this machine.',
};

/** How clients prove who they are, and whom the proxy knows. */
export function AuthenticationCard({ view, draft, errors }: CardProps): ReactNode {
  const endpoints = useServer((state) => state.endpoints);
  const users = view.settings.authentication.users;
  const ids = endpoints.map(({ id }) => id);
  const known = draft.verifiersFrom === '' || ids.includes(draft.verifiersFrom) ? ids : [...ids, draft.verifiersFrom];
  return (
    <Card id="authentication" when="to new clients">
      <ChoiceField
        label="Method"
        aside={<Restore field="method" draft={draft} />}
        error={errors['method'] ?? null}
        value={draft.method}
        onChange={(method) => edit({ method })}
        hint={methodHints[draft.method]}
        choices={[
          { value: 'trust', label: 'Trust' },
          { value: 'scram-sha-256', label: 'SCRAM-SHA-256' },
          { value: 'md5', label: 'MD5' },
          { value: 'password', label: 'Password' },
        ]}
      />
      <SelectField
        label="Verifiers from endpoint"
        aside={<Restore field="verifiersFrom" draft={draft} words="none" />}
        form={SETTINGS_FORM}
        value={draft.verifiersFrom}
        error={errors['verifiersFrom'] ?? null}
        hint="Reads pg_authid there with the endpoint’s own role, which needs to be a superuser. Users below come first."
        onChange={(verifiersFrom) => edit({ verifiersFrom })}
        choices={[
          { value: '', label: 'None: only the users below' },
          ...known.map((id) => ({ value: id, label: ids.includes(id) ? id : `${id}, which is not in the map` })),
        ]}
      />
      {draft.method !== 'trust' && draft.verifiersFrom === '' && users.length === 0 && (
        <Notice tone="warn">Nobody could log in: add a user, or read verifiers from an endpoint.</Notice>
      )}
      <TextField
        label="Admins of the console"
        aside={<Restore field="admins" draft={draft} words="everybody" />}
        form={SETTINGS_FORM}
        placeholder="Everybody who can log in"
        value={draft.admins}
        error={errors['admins'] ?? null}
        hint={
          draft.method === 'trust'
            ? 'Who may run its commands, with commas between the names; means nothing while anybody may take any name (trust).'
            : 'Who may run its commands, with commas between the names; others may only look.'
        }
        onChange={(event) => edit({ admins: event.target.value })}
      />
      <Users users={users} />
    </Card>
  );
}
