import { Suspense, lazy } from 'react';
import type { ReactNode } from 'react';
import { askNothing, useAsked } from '../../store/asked.ts';
import type { Asked } from '../../store/asked.ts';
import { useServer } from '../../store/server.ts';

// Each is loaded when it is asked for.
const Confirm = lazy(() => import('../../ui/Dialog.tsx').then((module) => ({ default: module.Confirm })));
const DrainDialog = lazy(() => import('../servers/DrainDialog.tsx').then((module) => ({ default: module.DrainDialog })));
const RestartDialog = lazy(() => import('../servers/RestartDialog.tsx').then((module) => ({ default: module.RestartDialog })));
const EndpointDialog = lazy(() => import('../endpoints/EndpointDialog.tsx').then((module) => ({ default: module.EndpointDialog })));
const KeysDialog = lazy(() => import('../palette/KeysDialog.tsx').then((module) => ({ default: module.KeysDialog })));

/** The dialog that a command has opened, above whatever view is shown. */
export function AskedDialog(): ReactNode {
  const asked = useAsked((state) => state.asked);
  return asked && <Suspense fallback={null}>{dialogFor(asked)}</Suspense>;
}

function dialogFor(asked: Asked): ReactNode {
  switch (asked.kind) {
    case 'confirm':
      return (
        <Confirm
          title={asked.title}
          consequence={asked.consequence}
          action={asked.action}
          onCancel={askNothing}
          onConfirm={() => {
            askNothing();
            asked.run();
          }}
        />
      );
    case 'drain':
      return <DrainDialog backend={asked.backend} onClose={askNothing} />;
    case 'restart':
      return <RestartDialog backend={asked.backend} onClose={askNothing} />;
    case 'endpoint':
      return <EndpointDialog endpoint={useServer.getState().endpoints.find((row) => row.id === asked.id) ?? null} onClose={askNothing} />;
    case 'keys':
      return <KeysDialog onClose={askNothing} />;
  }
}
