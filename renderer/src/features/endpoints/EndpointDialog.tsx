import { useState } from 'react';
import type { ReactNode } from 'react';
import { endpointId } from '../../../../core/contract/index.ts';
import type { CallReply, EndpointRow, HostInfo } from '../../../../core/contract/index.ts';
import { useHost } from '../../bridge/client.ts';
import { formatMs } from '../../lib/format.ts';
import { useAction } from '../../lib/use-action.ts';
import { useServer } from '../../store/server.ts';
import { useView } from '../../store/view.ts';
import { Button } from '../../ui/Button.tsx';
import { Dialog, DialogBody, DialogFoot } from '../../ui/Dialog.tsx';
import { CheckField, ChoiceField, TextField } from '../../ui/Field.tsx';
import { Notice } from '../../ui/Notice.tsx';
import { modeChoices, modeWords, profileChoices, profileWords } from '../pooling/words.ts';
import { TlsFields } from './TlsFields.tsx';
import { splitPassword } from './url.ts';

interface EndpointDialogProps {
  /** The line to change; null adds one. */
  endpoint: EndpointRow | null;
  onClose: () => void;
}

/** Adds or changes one line of the endpoint map. A stored password is never shown, only that there is one. */
export function EndpointDialog({ endpoint, onClose }: EndpointDialogProps): ReactNode {
  const call = useHost();
  const others = useServer((state) => state.endpoints);
  const [id, setId] = useState(endpoint?.id ?? '');
  const [url, setUrl] = useState(endpoint?.url ?? '');
  const [password, setPassword] = useState('');
  const [isDefault, setIsDefault] = useState(endpoint?.isDefault ?? others.length === 0);
  const [mode, setMode] = useState(endpoint?.poolMode ?? null);
  const [profile, setProfile] = useState(endpoint?.profile ?? 'strict');
  const [tried, setTried] = useState(false);
  const [found, setFound] = useState<CallReply<'endpoints.test'> | null>(null);
  const passwords = useServer((state) => state.host?.passwords ?? null);
  const saving = useAction();
  const testing = useAction();

  const idError = idProblem(id, endpoint?.id ?? null, others);
  const urlError = url.trim() === '' ? 'Say where the server is: postgresql://user@host:port/database.' : null;
  const secret = password === '' ? {} : { password };

  const test = (): void => {
    setFound(null);
    testing.run(async () => setFound(await call('endpoints.test', { url, ...secret, ...(endpoint ? { id: endpoint.id } : {}) })));
  };
  const save = (): void => {
    setTried(true);
    if (idError !== null || urlError !== null) return;
    saving.run(async () => {
      const reply = await call('endpoints.save', {
        id,
        url,
        ...secret,
        ...(endpoint && endpoint.id !== id ? { replaces: endpoint.id } : {}),
        ...(isDefault ? { makeDefault: true } : {}),
      });
      if (mode !== null && (mode !== endpoint?.poolMode || profile !== endpoint.profile)) {
        await call('endpoints.pooling', { id: reply.id, mode, profile });
      }
      if (reply.stranded.length > 0) useView.setState({ stranded: { endpoint: reply.id, sessionIds: reply.stranded } });
      onClose();
    });
  };

  return (
    <Dialog
      title={endpoint ? `Edit endpoint ${endpoint.id}` : 'Add an endpoint'}
      description="An endpoint is the name that clients ask for; it points at one server."
      onClose={onClose}
    >
      <form
        style={{ display: 'contents' }}
        onSubmit={(event) => {
          event.preventDefault();
          save();
        }}
      >
        <DialogBody>
          <TextField
            label="Name"
            value={id}
            placeholder="ep-main"
            error={tried ? idError : null}
            onChange={(event) => setId(event.target.value)}
          />
          <TextField
            label="Server"
            mono
            value={url}
            placeholder="postgresql://user@127.0.0.1:5432/database"
            error={tried ? urlError : null}
            hint="A password pasted with it moves to the field below."
            onChange={(event) => {
              const split = splitPassword(event.target.value);
              setUrl(split.url);
              if (split.password !== null) setPassword(split.password);
              setFound(null);
            }}
          />
          <TextField
            label="Password"
            type="password"
            autoComplete="new-password"
            value={password}
            placeholder={endpoint?.passwordSet ? 'Set; leave empty to keep it' : 'Not set'}
            hint={passwordHint(passwords)}
            onChange={(event) => {
              setPassword(event.target.value);
              setFound(null);
            }}
          />
          <TlsFields
            url={url}
            onChange={(changed) => {
              setUrl(changed);
              setFound(null);
            }}
          />
          <CheckField
            label="Default: for clients that name no endpoint"
            checked={isDefault}
            disabled={endpoint?.isDefault ?? false}
            onChange={(event) => setIsDefault(event.target.checked)}
          />
          {mode === null ? null : (
            <>
              <ChoiceField label="Pool mode" value={mode} choices={modeChoices} onChange={setMode} hint={modeWords[mode]} />
              {mode === 'transaction' && (
                <ChoiceField label="Profile" value={profile} choices={profileChoices} onChange={setProfile} hint={profileWords[profile]} />
              )}
            </>
          )}
          {found && (
            <Notice tone={found.ok ? 'good' : 'bad'} hint={found.hint} live>
              {found.message}
              {found.ok && found.serverVersion !== null && ` PostgreSQL ${found.serverVersion}, ${formatMs(found.ms)}.`}
            </Notice>
          )}
          {[saving.failure, testing.failure].map(
            (failure) =>
              failure && (
                <Notice key={failure.message} tone="bad" hint={failure.hint} live>
                  {failure.message}
                </Notice>
              ),
          )}
        </DialogBody>
        <DialogFoot>
          <Button disabled={url.trim() === '' || testing.busy} onClick={test} style={{ marginRight: 'auto' }}>
            {testing.busy ? 'Testing…' : 'Test connection'}
          </Button>
          <Button onClick={onClose}>Cancel</Button>
          <Button look="primary" type="submit" disabled={saving.busy}>
            {endpoint ? 'Save endpoint' : 'Add endpoint'}
          </Button>
        </DialogFoot>
      </form>
    </Dialog>
  );
}

/** Where a password stays, in words. */
export function passwordHint(passwords: HostInfo['passwords'] | null): string {
  if (passwords === null) return '';
  if (passwords.kept === 'keychain') return "Kept in this computer's keychain. Without one here, the password file (~/.pgpass) is asked.";
  const why = passwords.reason === null ? '' : `: ${passwords.reason}`;
  return `Kept until Switchyard ends${why}. Without one here, the password file (~/.pgpass) is asked.`;
}

function idProblem(id: string, own: string | null, others: readonly EndpointRow[]): string | null {
  const parsed = endpointId.safeParse(id);
  if (!parsed.success) return `${id === '' ? 'Give it a name' : 'This name does not fit'}: letters, digits, - and _, at most 63.`;
  if (id !== own && others.some((other) => other.id === id)) return 'There is an endpoint with this name already.';
  return null;
}
