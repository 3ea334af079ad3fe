import { psqlLine } from '../../../../core/contract/index.ts';

/** A psql command that encrypts and checks the certificate. By name, as the certificate is made out to `localhost`. */
export function verifiedPsqlLine(port: number, authorityFile: string, endpoint: { user: string; database: string } | null): string {
  return psqlLine({
    host: 'localhost',
    port,
    user: endpoint?.user ?? '',
    database: endpoint?.database ?? 'postgres',
    endpoint: null,
    tls: [
      ['sslmode', 'verify-full'],
      ['sslrootcert', authorityFile],
    ],
  });
}
