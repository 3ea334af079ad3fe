import type { ReactNode } from 'react';
import { hashOf } from '../../app/routes.ts';

/** Leads to a session's details in the table of sessions. */
export function SessionLink({ id, application }: { id: number; application: string }): ReactNode {
  return (
    <a href={hashOf('sessions', { session: String(id) })}>
      {id}
      {application === '' ? '' : `, ${application}`}
    </a>
  );
}
