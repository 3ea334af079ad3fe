import { useState } from 'react';
import type { ReactNode } from 'react';
import { useServer } from '../../store/server.ts';
import { CopyLine } from '../../ui/CopyLine.tsx';
import { ChoiceField, SelectField } from '../../ui/Field.tsx';
import { clientKinds, clientLine } from './client-lines.ts';
import type { ClientKind } from './client-lines.ts';

/** What to paste into a client, for the endpoint and the kind of client that are chosen. */
export function ConnectLines(): ReactNode {
  const host = useServer((state) => state.host);
  const endpoints = useServer((state) => state.endpoints);
  const [wanted, setWanted] = useState<string | null>(null);
  const [kind, setKind] = useState<ClientKind>('psql');
  const endpoint = endpoints.find(({ id }) => id === wanted) ?? endpoints.find(({ isDefault }) => isDefault) ?? endpoints[0];
  if (!host || endpoint === undefined) return null;
  const text = clientLine(host.connectLines, endpoint.id, kind);
  const label = clientKinds.find(({ value }) => value === kind)?.label ?? kind;
  return (
    <>
      {endpoints.length > 1 && (
        <SelectField
          label="Endpoint"
          value={endpoint.id}
          choices={endpoints.map(({ id, backend }) => ({ value: id, label: `${id} (${backend})` }))}
          onChange={setWanted}
        />
      )}
      <ChoiceField label="Client" value={kind} choices={clientKinds} onChange={setKind} />
      {text !== null && <CopyLine text={text} what={`${label} for ${endpoint.id}`} />}
    </>
  );
}
