import { ShieldCheck } from 'lucide-react';
import type { ReactNode } from 'react';
import { useHost } from '../../bridge/client.ts';
import { useAction } from '../../lib/use-action.ts';
import { useServer } from '../../store/server.ts';
import { Button } from '../../ui/Button.tsx';
import { CopyLine } from '../../ui/CopyLine.tsx';
import { FailureNotice } from '../../ui/FailureNotice.tsx';
import { ChoiceField, TextField } from '../../ui/Field.tsx';
import { Card } from './Card.tsx';
import styles from './Settings.module.css';
import type { Draft } from './draft.ts';
import { SETTINGS_FORM } from './form.ts';
import type { CardProps } from './form.ts';
import { Restore } from './Restore.tsx';
import { verifiedPsqlLine } from './psql-line.ts';
import { edit, takeView } from './staged.ts';

const clientHints: Record<Draft['tlsClients'], string> = {
  off: 'Clients that ask for encryption are told no; those that insist on it leave.',
  allow: 'Clients that ask for encryption get it; plain text still comes in.',
  require: 'Clients that do not encrypt are refused.',
};

/** Whether clients can encrypt, and the certificate they are shown. */
export function TlsCard({ view, draft, errors }: CardProps): ReactNode {
  return (
    <Card id="tls" when="to new clients">
      <ChoiceField
        label="Encryption"
        aside={<Restore field="tlsClients" draft={draft} />}
        value={draft.tlsClients}
        onChange={(tlsClients) => edit({ tlsClients })}
        hint={clientHints[draft.tlsClients]}
        choices={[
          { value: 'off', label: 'Off' },
          { value: 'allow', label: 'Allow' },
          { value: 'require', label: 'Require' },
        ]}
      />
      <ChoiceField
        label="Certificate"
        aside={<Restore field="certificate" draft={draft} />}
        value={draft.certificate}
        error={errors['certificate'] ?? null}
        onChange={(certificate) => edit({ certificate })}
        choices={[
          { value: 'none', label: 'None' },
          { value: 'local', label: 'Local authority' },
          { value: 'files', label: 'Files' },
        ]}
      />
      {draft.certificate === 'files' && (
        <>
          <TextField
            label="Certificate file"
            mono
            form={SETTINGS_FORM}
            value={draft.certificateFile}
            error={errors['certificateFile'] ?? null}
            hint="PEM, with the certificates that lead to the root behind it."
            onChange={(event) => edit({ certificateFile: event.target.value })}
          />
          <TextField
            label="Key file"
            mono
            form={SETTINGS_FORM}
            value={draft.keyFile}
            error={errors['keyFile'] ?? null}
            hint="PEM, without a passphrase."
            onChange={(event) => edit({ keyFile: event.target.value })}
          />
        </>
      )}
      <LocalCertificate authorityFile={view.authorityFile} made={view.settings.tls.certificate.kind === 'local'} />
    </Card>
  );
}

function LocalCertificate({ authorityFile, made }: { authorityFile: string | null; made: boolean }): ReactNode {
  const call = useHost();
  const { busy, failure, run } = useAction();
  const port = useServer((state) => state.host?.proxy.port ?? null);
  const standard = useServer((state) => state.endpoints.find((endpoint) => endpoint.isDefault) ?? null);
  return (
    <>
      {made && authorityFile !== null ? (
        <div className={styles.made} role="region" aria-label="Local authority">
          <h3>Clients trust this file</h3>
          <CopyLine text={authorityFile} what="path of the authority file" />
          {port !== null && (
            <>
              <h3>psql that checks the certificate</h3>
              <CopyLine text={verifiedPsqlLine(port, authorityFile, standard)} what="psql line" />
            </>
          )}
        </div>
      ) : (
        <div className={styles.offer}>
          <Button disabled={busy} onClick={() => run(async () => takeView(await call('tls.makeLocal', {})))}>
            <ShieldCheck size={15} aria-hidden="true" />
            {busy ? 'Making it…' : 'Make a local certificate'}
          </Button>
          <p className={styles.soft}>
            Makes an authority of its own on this machine and a certificate for localhost, and allows encryption. At once, not staged.
          </p>
        </div>
      )}
      <FailureNotice failure={failure} />
    </>
  );
}
