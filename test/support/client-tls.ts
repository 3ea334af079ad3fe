/** A certificate for the proxy of a test, in files, and the settings that make the proxy show it. */
import { beforeAll } from 'vitest';
import type { SettingsInput } from '../../core/contract/index.ts';
import { TestAuthority, useFolder } from './certificates.ts';

/** What a suite has of it; filled in before its first test. */
export interface ClientTlsFiles {
  /** The authority's certificate, as PEM, and its file. */
  ca: string;
  authorityFile: string;
  certificateFile: string;
  keyFile: string;
  /** An authority that has nothing to do with the certificate. */
  foreignFile: string;
  /** Another certificate of the same authority, in files that nobody was told of yet. */
  other: { certificateFile: string; keyFile: string };
  /** Writes a file next to them and answers its path. */
  write(name: string, text: string): Promise<string>;
}

/** Registers them with the suite it is called in. */
export function useClientTls(): ClientTlsFiles {
  const folder = useFolder();
  const files: ClientTlsFiles = {
    ca: '',
    authorityFile: '',
    certificateFile: '',
    keyFile: '',
    foreignFile: '',
    other: { certificateFile: '', keyFile: '' },
    write: (name, text) => folder.write(name, text),
  };
  beforeAll(async () => {
    const authority = await TestAuthority.make('tests');
    const names = { name: 'localhost', alternatives: ['localhost', '*.localhost', '127.0.0.1'] };
    const issued = await authority.issue(names);
    const other = await authority.issue(names);
    files.ca = authority.certificate;
    files.authorityFile = await folder.write('authority.pem', authority.certificate);
    files.foreignFile = await folder.write('foreign.pem', (await TestAuthority.make('somebody else')).certificate);
    files.certificateFile = await folder.write('server.pem', issued.certificate);
    files.keyFile = await folder.write('server.key', issued.key);
    files.other = {
      certificateFile: await folder.write('other.pem', other.certificate),
      keyFile: await folder.write('other.key', other.key),
    };
  });
  return files;
}

/** Settings that offer or demand encryption with such files. */
export function encrypting(clients: 'allow' | 'require', files: { certificateFile: string; keyFile: string }): SettingsInput {
  return { tls: { clients, certificate: { kind: 'files', certificate: files.certificateFile, key: files.keyFile } } };
}
