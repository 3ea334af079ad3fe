import { KeyRound, Trash2 } from 'lucide-react';
import { useRef, useState } from 'react';
import type { ReactNode, SyntheticEvent } from 'react';
import { useHost } from '../../bridge/client.ts';
import { useAction } from '../../lib/use-action.ts';
import { Button, IconButton } from '../../ui/Button.tsx';
import { Confirm } from '../../ui/Dialog.tsx';
import { FailureNotice } from '../../ui/FailureNotice.tsx';
import { TextField } from '../../ui/Field.tsx';
import { Notice } from '../../ui/Notice.tsx';
import styles from './Settings.module.css';
import { takeView } from './staged.ts';

/** The users the proxy knows by itself. Changes hold at once; a password stays in its input until it is sent, and nowhere else. */
export function Users({ users }: { users: readonly { name: string }[] }): ReactNode {
  const call = useHost();
  const { busy, failure, run } = useAction();
  const form = useRef<HTMLFormElement>(null);
  const [name, setName] = useState('');
  const [missing, setMissing] = useState<'name' | 'password' | null>(null);
  const [removing, setRemoving] = useState<string | null>(null);
  const [done, setDone] = useState<string | null>(null);
  const exists = users.some((user) => user.name === name);

  const passwordInput = (): HTMLInputElement | null => form.current?.querySelector<HTMLInputElement>('input[name="password"]') ?? null;
  const save = (event: SyntheticEvent): void => {
    event.preventDefault();
    const input = passwordInput();
    if (!input || busy) return;
    const password = input.value;
    setDone(null);
    setMissing(name === '' ? 'name' : password === '' ? 'password' : null);
    if (name === '' || password === '') return;
    run(async () => {
      takeView(await call('users.save', { name, password }));
      input.value = '';
      setName('');
      setDone(exists ? `${name} has a new password.` : `${name} was added.`);
    });
  };
  const remove = (user: string): void => {
    setRemoving(null);
    setDone(null);
    run(async () => takeView(await call('users.remove', { name: user })));
  };

  return (
    <div className={styles.group}>
      <h3>Users</h3>
      <p className={styles.soft}>Changed at once, not staged. Only a verifier made from the password is kept.</p>
      {users.length > 0 && (
        <ul className={styles.users} aria-label="Users">
          {users.map((user) => (
            <li key={user.name}>
              <span className={styles.user}>{user.name}</span>
              <IconButton
                label={`Set a new password for ${user.name}`}
                onClick={() => {
                  setName(user.name);
                  passwordInput()?.focus();
                }}
              >
                <KeyRound size={15} aria-hidden="true" />
              </IconButton>
              <IconButton label={`Remove user ${user.name}`} disabled={busy} onClick={() => setRemoving(user.name)}>
                <Trash2 size={15} aria-hidden="true" />
              </IconButton>
            </li>
          ))}
        </ul>
      )}
      <form ref={form} className={styles.addUser} onSubmit={save} aria-label="Add a user">
        <TextField
          label="User name"
          maxLength={63}
          value={name}
          error={missing === 'name' ? 'Give a name.' : null}
          onChange={(event) => setName(event.target.value)}
        />
        <TextField
          label="User password"
          name="password"
          type="password"
          autoComplete="new-password"
          maxLength={1024}
          error={missing === 'password' ? 'Give a password.' : null}
        />
        <Button type="submit" disabled={busy}>
          {exists ? 'Set password' : 'Add user'}
        </Button>
      </form>
      {done !== null && (
        <Notice tone="good" live>
          {done}
        </Notice>
      )}
      <FailureNotice failure={failure} />
      {removing !== null && (
        <Confirm
          title={`Remove user ${removing}?`}
          consequence="Clients cannot log in by this name with this password any more. Sessions that are open stay open."
          action={`Remove ${removing}`}
          onConfirm={() => remove(removing)}
          onCancel={() => setRemoving(null)}
        />
      )}
    </div>
  );
}
