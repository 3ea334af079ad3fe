import { useState } from 'react';
import type { ReactNode } from 'react';
import { endpointId } from '../../../../core/contract/index.ts';
import type { EndpointDraft, EndpointRow, HostInfo } from '../../../../core/contract/index.ts';
import { useAction } from '../../lib/use-action.ts';
import { useServer } from '../../store/server.ts';
import { Button } from '../../ui/Button.tsx';
import { Dialog, DialogBody, DialogFoot } from '../../ui/Dialog.tsx';
import { CheckField, ChoiceField, TextField } from '../../ui/Field.tsx';
import { Notice } from '../../ui/Notice.tsx';
import { modeChoices, modeWords, profileChoices, profileWords } from '../pooling/words.ts';
import { ColorField } from './ColorField.tsx';
import { stage, takenNames, unstage, useStagedMap } from './staged-map.ts';
import type { SaveChange, StagedChange } from './staged-map.ts';
import { TlsFields } from './TlsFields.tsx';
import { addressOf, splitPassword } from './url.ts';
import { isTestable, useConnectionTest } from './use-connection-test.ts';
import { useMapEdit } from './use-map-edit.ts';

/** How long after the last key the connection is tested, milliseconds. */
const TEST_AFTER_MS = 700;

interface EndpointDialogProps {
  /** The line to change; null adds one. */
  endpoint: EndpointRow | null;
  /** An edit that was staged, to be changed. */
  staged?: StagedChange | null;
  /** What was imported or found, to be completed. */
  draft?: EndpointDraft | null;
  onClose: () => void;
}

/**
 * Adds or changes one line of the endpoint map: staged with others, or applied at once. The connection is tested as it is typed. A stored
 * password is never shown, only that there is one.
 */
export function EndpointDialog({ endpoint, staged = null, draft = null, onClose }: EndpointDialogProps): ReactNode {
  const edit = useMapEdit();
  const others = useServer((state) => state.endpoints);
  const changes = useStagedMap((state) => state.changes);
  const passwords = useServer((state) => state.host?.passwords ?? null);
  const before = staged?.change.kind === 'save' ? staged.change : null;
  // One edit per endpoint: opened again, it is that edit that is changed.
  const key = staged?.key ?? changes.find(({ of }) => of !== null && of === endpoint?.id)?.key ?? null;

  const [id, setId] = useState(before?.id ?? draft?.id ?? endpoint?.id ?? '');
  const [url, setUrl] = useState(before?.url ?? draft?.url ?? endpoint?.url ?? '');
  const [password, setPassword] = useState(before?.password ?? '');
  const [isDefault, setIsDefault] = useState(before?.makeDefault ?? endpoint?.isDefault ?? others.length === 0);
  const [mode, setMode] = useState(before?.pooling?.mode ?? endpoint?.poolMode ?? null);
  const [profile, setProfile] = useState(before?.pooling?.profile ?? endpoint?.profile ?? 'strict');
  const [color, setColor] = useState(before?.color ?? endpoint?.color ?? null);
  const [tried, setTried] = useState(false);
  const saving = useAction();

  const taken = takenNames(others, changes, key);
  if (endpoint !== null) taken.delete(endpoint.id);
  const idError = idProblem(id, taken);
  const urlError = url.trim() === '' ? 'Say where the server is: postgresql://user@host:port/database.' : null;

  // A password that was imported stays with its server and role.
  const imported = before?.passwordFrom ?? draft?.passwordFrom ?? null;
  const keepsImported = imported !== null && password === '' && addressOf(url) === addressOf(before?.url ?? draft?.url ?? '');
  const secret = { ...(password === '' ? {} : { password }), ...(keepsImported ? { passwordFrom: imported } : {}) };

  const request = isTestable(url) ? { url, ...secret, ...(endpoint ? { id: endpoint.id } : {}) } : null;
  // What is in the map already was asked when it was mapped.
  const untouched = endpoint !== null && url === endpoint.url && password === '';
  const test = useConnectionTest(request, untouched ? null : TEST_AFTER_MS);

  const change = (): SaveChange => ({
    kind: 'save',
    id,
    url,
    ...secret,
    ...(endpoint && endpoint.id !== id ? { replaces: endpoint.id } : {}),
    ...(isDefault && endpoint?.isDefault !== true ? { makeDefault: true } : {}),
    ...(mode !== null && (mode !== endpoint?.poolMode || profile !== endpoint.profile) ? { pooling: { mode, profile } } : {}),
    ...(color !== null && color !== endpoint?.color ? { color } : {}),
  });
  const fits = (): boolean => {
    setTried(true);
    return idError === null && urlError === null;
  };
  const stageIt = (): void => {
    if (!fits()) return;
    stage(change(), endpoint?.id ?? null, key);
    onClose();
  };
  const save = (): void => {
    if (!fits()) return;
    saving.run(async () => {
      await edit([change()]);
      if (key !== null) unstage([key]);
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
            }}
          />
          <TextField
            label="Password"
            type="password"
            autoComplete="new-password"
            value={password}
            placeholder={
              keepsImported ? 'Imported; leave empty to keep it' : endpoint?.passwordSet ? 'Set; leave empty to keep it' : 'Not set'
            }
            hint={passwordHint(passwords)}
            onChange={(event) => setPassword(event.target.value)}
          />
          {test.found && (
            <Notice tone={test.found.ok ? 'good' : 'bad'} hint={test.found.hint} live>
              {test.found.message}
            </Notice>
          )}
          <TlsFields url={url} onChange={setUrl} />
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
          <ColorField color={color} onChange={setColor} />
          {saving.failure && (
            <Notice tone="bad" hint={saving.failure.hint} live>
              {saving.failure.message}
            </Notice>
          )}
        </DialogBody>
        <DialogFoot>
          <Button disabled={url.trim() === '' || test.busy} onClick={test.again} style={{ marginRight: 'auto' }}>
            {test.busy ? 'Testing…' : 'Test connection'}
          </Button>
          <Button onClick={onClose}>Cancel</Button>
          <Button onClick={stageIt} title="Put it on the list of pending changes, to be applied together with others">
            {key === null ? 'Stage' : 'Stage again'}
          </Button>
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

function idProblem(id: string, taken: ReadonlySet<string>): string | null {
  const parsed = endpointId.safeParse(id);
  if (!parsed.success) return `${id === '' ? 'Give it a name' : 'This name does not fit'}: letters, digits, - and _, at most 63.`;
  return taken.has(id) ? 'There is an endpoint with this name already.' : null;
}
