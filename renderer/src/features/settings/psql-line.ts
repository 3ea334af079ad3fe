/** A psql command that encrypts and checks the certificate. By name, as the certificate is made out to `localhost`. */
export function verifiedPsqlLine(port: number, authorityFile: string, endpoint: { user: string; database: string } | null): string {
  const words = [
    'host=localhost',
    `port=${port}`,
    ...(endpoint && endpoint.user !== '' ? [`user=${conninfo(endpoint.user)}`] : []),
    `dbname=${conninfo(endpoint?.database ?? 'postgres')}`,
    'sslmode=verify-full',
    `sslrootcert=${conninfo(authorityFile)}`,
  ];
  return `psql "${words.join(' ')}"`;
}

/** A value of a connection string, quoted where libpq and the shell's double quotes around it want it. */
function conninfo(value: string): string {
  if (/^[A-Za-z0-9_./-]+$/.test(value)) return value;
  return `'${value.replace(/[\\']/g, '\\$&')}'`.replace(/[\\"$`]/g, '\\$&');
}
