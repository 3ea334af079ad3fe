import type { ReactNode } from 'react';
import { SelectField, TextField } from '../../ui/Field.tsx';
import { sslModes, tlsOf, withTls } from './url.ts';

const UNSAID = 'Not said in the URL: as libpq does then, encrypted if the server can.';

/** How the server connections are encrypted. Part of the URL, which is the one thing edited: what is chosen here shows up there. */
export function TlsFields({ url, onChange }: { url: string; onChange: (url: string) => void }): ReactNode {
  const tls = tlsOf(url);
  const mode = sslModes.find(({ value }) => value === tls.sslmode);
  const verifies = tls.sslmode.startsWith('verify-');
  const known = mode !== undefined || tls.sslmode === '';
  return (
    <>
      <SelectField
        label="Encryption (sslmode)"
        value={tls.sslmode}
        disabled={url.trim() === ''}
        error={known ? null : 'libpq knows no such sslmode.'}
        hint={mode?.means ?? (tls.sslmode === '' ? UNSAID : undefined)}
        onChange={(sslmode) => onChange(withTls(url, 'sslmode', sslmode))}
        choices={[{ value: '', label: 'not said' }, ...sslModes, ...(known ? [] : [{ value: tls.sslmode, label: tls.sslmode }])]}
      />
      {tls.sslmode !== '' && tls.sslmode !== 'disable' && (
        <>
          <TextField
            label="Root certificate (sslrootcert)"
            mono
            value={tls.sslrootcert}
            placeholder={verifies ? '/path/to/root.pem' : 'None'}
            hint="The authority that signed the server's certificate, as a file."
            onChange={(event) => onChange(withTls(url, 'sslrootcert', event.target.value))}
          />
          <TextField
            label="Client certificate (sslcert)"
            mono
            value={tls.sslcert}
            placeholder="None"
            onChange={(event) => onChange(withTls(url, 'sslcert', event.target.value))}
          />
          <TextField
            label="Key of the client certificate (sslkey)"
            mono
            value={tls.sslkey}
            placeholder="None"
            onChange={(event) => onChange(withTls(url, 'sslkey', event.target.value))}
          />
        </>
      )}
    </>
  );
}
