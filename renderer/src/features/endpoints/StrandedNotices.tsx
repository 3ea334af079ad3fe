import type { ReactNode } from 'react';
import { plural } from '../../lib/format.ts';
import { useServer } from '../../store/server.ts';
import { openMigrate, useView } from '../../store/view.ts';
import type { Stranded } from '../../store/view.ts';
import { Button } from '../../ui/Button.tsx';
import { Notice } from '../../ui/Notice.tsx';

/** After an edit of the map: the sessions that are still on a former backend, and the way to bring them along. */
export function StrandedNotices(): ReactNode {
  const stranded = useView((state) => state.stranded);
  return stranded.map((each) => <StrandedNotice key={each.endpoint} stranded={each} />);
}

function StrandedNotice({ stranded }: { stranded: Stranded }): ReactNode {
  const sessions = useServer((state) => state.sessions);
  const backend = useServer((state) => state.endpoints.find(({ id }) => id === stranded.endpoint)?.backend);
  const left = stranded.sessionIds.filter((id) => {
    const row = sessions.get(id);
    return row !== undefined && row.endpoint === stranded.endpoint && row.backend !== backend;
  });
  if (left.length === 0) return null;
  const dismiss = (): void =>
    useView.setState((state) => ({ stranded: state.stranded.filter(({ endpoint }) => endpoint !== stranded.endpoint) }));
  return (
    <Notice
      tone="warn"
      live
      hint="They keep working there until you move them."
      actions={
        <>
          <Button
            small
            look="primary"
            onClick={() => {
              openMigrate(left, stranded.endpoint);
              dismiss();
            }}
          >
            Move {plural(left.length, 'session')}
          </Button>
          <Button small onClick={dismiss}>
            Leave them
          </Button>
        </>
      }
    >
      {plural(left.length, 'session')} of {stranded.endpoint} {left.length === 1 ? 'is' : 'are'} still on the former backend.
    </Notice>
  );
}
