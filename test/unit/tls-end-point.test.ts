/** Expected hashes were made by OpenSSL's and coreutils' command lines from the same certificates. */
import { X509Certificate } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { tlsServerEndPoint } from '../../core/tls/end-point.ts';

const known: [string, string, string | null][] = [
  [
    'ECDSA with SHA-384',
    'MIIBgDCCASegAwIBAgIUazC+7/AeTgYZio3WlpsI1v3aBuEwCgYIKoZIzj0EAwMwFTETMBEGA1UEAwwKa25vd24udGVzdDAgFw0yNjExMjEwNDAyMzlaGA8yMTI2MTAyODA0MDIzOVowFTETMBEGA1UEAwwKa25vd24udGVzdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABJtzxpTkxR+YiGzCF6n20OYVZkH7h57jB5MLAG1i2R6CU0D3uIJo1CTN+c9PYWWwJ9UScyugK5jyNY3YgRT5UQujUzBRMB0GA1UdDgQWBBTWNxD0udLEm6OpI7PN8FrO0oVN7jAfBgNVHSMEGDAWgBTWNxD0udLEm6OpI7PN8FrO0oVN7jAPBgNVHRMBAf8EBTADAQH/MAoGCCqGSM49BAMDA0cAMEQCIDaIsBvgLLs0cgpzoBbZAnTkNSN9xxZAG03VrvUkYN4hAiBDsN6sdaiaTweV5jxZKuAZD8vC1lY+bv8EuJUkj7Yifg==',
    '860f725f0c20f3bd7f9a1c95984bd881169a8fe94be25033f12de737cee93943c0b6f241d40c29ab6fc84c2157be734a',
  ],
  [
    'RSA-PSS with SHA-512',
    'MIIDczCCAiagAwIBAgIUdnoZi9vbn7LjOxnKTypuiMvgjo0wQgYJKoZIhvcNAQEKMDWgDzANBglghkgBZQMEAgMFAKEcMBoGCSqGSIb3DQEBCDANBglghkgBZQMEAgMFAKIEAgIAvjATMREwDwYDVQQDDAhwc3MudGVzdDAgFw0yNjExMjEwNDAyMzlaGA8yMTI2MTAyODA0MDIzOVowEzERMA8GA1UEAwwIcHNzLnRlc3QwggEiMA0GCSqGSIb3DQEBAQUAA4IBDwAwggEKAoIBAQDfGG6IrNX5x0OGydyH3yjCyVsA9V5pyixkJIoM9Evmaw/ziBOKWvDh8hBVFSCaDJgf0eSK7YHGItC7DLvV6hww5rtUvw8rtfClKS1AMRtPDugc5r5niU8tCj5XaHTcHzIH/aup09LER7ebD15wqQnSMTL6sBhmCX3X8Y/kwOX/xXVTqin8HYYQLGHrcqJ5xRknyb/vNe8Z+m4121ZwfLmCrKUFLbuAl8sYZR7b1jv/HS5LyVsFPUE04rZncP2a83M4XIYy1nu+/l4U1FJBjf6C5RZdq/41ho9K2JbS0N8rStKKStehB7Sai3awAqV1TrXamqfp1RRM1cUZKzGeioE3AgMBAAGjUzBRMB0GA1UdDgQWBBSTsvkqmgfqaP9Zq+rWMrNla5lQ8jAfBgNVHSMEGDAWgBSTsvkqmgfqaP9Zq+rWMrNla5lQ8jAPBgNVHRMBAf8EBTADAQH/MEIGCSqGSIb3DQEBCjA1oA8wDQYJYIZIAWUDBAIDBQChHDAaBgkqhkiG9w0BAQgwDQYJYIZIAWUDBAIDBQCiBAICAL4DggEBAE6uOFewgoFChA7DkCE17bhzcsfzRo40TKLQfqawu9vuRwLio/+BpHY149GU65O2ujRt7ZqSN3eBqxs+PbQUYz5MKMgpk29Tx8fGgCHFiD0WX4P6wcD96HfJ8hin9rnEH4nNPM4S58pIbtn+CuK9LbIOqbQCKR6y5WFV3OlSYDFchL4P0xiPDakijsbdO6EtqiI8JhUh7JxJEDBfJrXeg/cDZWVKmGkssWb+a4sAzgPJJ6m0EGDFujbK4r4Oj5Q9MVdmzC8+BXZ9zFHtPg2w2fn2JgusRFyXQBfFsLkRdGrpXTDdfr52yxtSxXDEftuaeN99wyycxstpLDcjgE9EPJU=',
    '29dbec87944e4f8dfe156b074137d758b022bfee83eb4aaf830eda4161713f87914cc0a39d2fbd9a4cd73d6e632bfb098773e7c6b61993abdd91e79fa93868b6',
  ],
  [
    'RSA with SHA-1: SHA-256 instead',
    'MIICBjCCAW+gAwIBAgIUIF3bv67b50v4OcJzThioa9oyJ0wwDQYJKoZIhvcNAQEFBQAwFDESMBAGA1UEAwwJc2hhMS50ZXN0MCAXDTI2MTEyMTA0MDIzOVoYDzIxMjYxMDI4MDQwMjM5WjAUMRIwEAYDVQQDDAlzaGExLnRlc3QwgZ8wDQYJKoZIhvcNAQEBBQADgY0AMIGJAoGBANJWlFDErlsSCevmDEbXKkXuj8sZty369/j5pquDq3eNs7ZShVgdKP0HjZYXJVJhdqw/BjDaPhE/cImQRKu2GufUubrttHZjvAf7qKHjVjNsyWlWBPHZuuMhKyQBsOqqvhMC9tJjJCom9d/gSXqbTjhwtISN+L2FndsUBwaEhEW1AgMBAAGjUzBRMB0GA1UdDgQWBBRqt8TZgtlYBqHuCa+x9IYB4Kp/UjAfBgNVHSMEGDAWgBRqt8TZgtlYBqHuCa+x9IYB4Kp/UjAPBgNVHRMBAf8EBTADAQH/MA0GCSqGSIb3DQEBBQUAA4GBAL/X33MkRRFC+wXxzjBQ+cKK1T2Ts/xq+tvdymeCEFACX2SU0eVTgLPgS2T9gjsUutxNOCJhP6suDAQFhI8m36ot10naP079MmXQv/emmXJPdAP1NTyQGv+WjBbMKkFlYCMSuT/uEmW9ym1u8boG5LZXw0lBlPFXmtZyYQrYS7ZL',
    '7ac836edda6b3582443b7af08e28c017fef636175b709083a42f7be3188e8d56',
  ],
  [
    'RSA-PSS with its default, SHA-1: SHA-256 instead',
    'MIICHDCCAYCgAwIBAgIUGPI8Rq3tJi3LQ9uNmEmtS73ukrswEgYJKoZIhvcNAQEKMAWiAwIBajAaMRgwFgYDVQQDDA9wc3NkZWZhdWx0LnRlc3QwIBcNMjYxMTIxMDQwMjM5WhgPMjEyNjEwMjgwNDAyMzlaMBoxGDAWBgNVBAMMD3Bzc2RlZmF1bHQudGVzdDCBnzANBgkqhkiG9w0BAQEFAAOBjQAwgYkCgYEAvyfRRRQeTLeQ1nT7VRcjbxIPIXJKIeyz+kCybI9faw0RrCYGO07FLOZV3VIEAtfSS9mtAb3t+HCSzsF43Q9ZIzQNiptyes5LmPt50Pzjz3kpNmk5tfd0PUTrz5DrrI+rscN5ybfLtzSwRPGOcopWfADLWYWevYFRjgL6+NGB72MCAwEAAaNTMFEwHQYDVR0OBBYEFPv86+y26JxGwqYf8TFyLcGsmeg2MB8GA1UdIwQYMBaAFPv86+y26JxGwqYf8TFyLcGsmeg2MA8GA1UdEwEB/wQFMAMBAf8wEgYJKoZIhvcNAQEKMAWiAwIBagOBgQCZ4lBdXsDjtC+dhBLa+A0bL3i6MlJJORTCYUhA8UURsVl345cavL24hipKpO4QrhF48C0NwvKMm/fy4CLRUoMlPiSkJ7/xKU9/s0jA3i+dNn6udMG3mA6O8SiFe5AlR+DU1ublcb20jIbqb6yHDHwAPz4Mqgc6FxjAto+FRJPBPg==',
    '01bdc60d8c3ab7a31a5ce217064e07197a83e3899923454d1fd25a4a8cf42ba7',
  ],
  [
    'Ed25519: none',
    'MIIBOjCB7aADAgECAhR6N7QRXdTBiDJZ5H4Db3Y2ZbIsKTAFBgMrZXAwEjEQMA4GA1UEAwwHZWQudGVzdDAgFw0yNjExMjEwNDAyMzlaGA8yMTI2MTAyODA0MDIzOVowEjEQMA4GA1UEAwwHZWQudGVzdDAqMAUGAytlcAMhAKDA7CDQOPugyMfE+ik3REX8n4UlCs+fNlqUxF9SX04Jo1MwUTAdBgNVHQ4EFgQUR/UirKUlu6TN3yCC/zMOpbHoByswHwYDVR0jBBgwFoAUR/UirKUlu6TN3yCC/zMOpbHoByswDwYDVR0TAQH/BAUwAwEB/zAFBgMrZXADQQAVhAjMRIg6mpk8BSUrQVH4eRpp/2lWq3GtDxhWd8et6MiAAhAARGLlpQz5ujDn3GiUG4dt0hJYIn3mSFa2trYG',
    null,
  ],
];

describe('tls-server-end-point', () => {
  it.each(known)('of a certificate signed by %s', (_name, base64, expected) => {
    const der = Buffer.from(base64, 'base64');
    expect(tlsServerEndPoint(der)?.toString('hex') ?? null).toBe(expected);
    expect(tlsServerEndPoint(new X509Certificate(der))?.toString('hex') ?? null).toBe(expected);
  });

  it('is none for what is no certificate, wherever it is cut off', () => {
    const der = Buffer.from(known[0]?.[1] ?? '', 'base64');
    for (let length = 0; length < der.length; length++) expect(tlsServerEndPoint(der.subarray(0, length))).toBeNull();
    expect(tlsServerEndPoint(Buffer.from('3080', 'hex'))).toBeNull();
    expect(tlsServerEndPoint(Buffer.from('3085ffffffffff', 'hex'))).toBeNull();
  });
});
