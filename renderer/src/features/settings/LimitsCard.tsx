import type { ReactNode } from 'react';
import { Card } from './Card.tsx';
import styles from './Settings.module.css';
import type { CardProps } from './form.ts';
import { NumberField } from './NumberField.tsx';

/** How many clients there may be. */
export function LimitsCard(props: Pick<CardProps, 'draft' | 'errors'>): ReactNode {
  return (
    <Card id="limits" when="to new clients">
      <p className={styles.soft}>Clients at the same time; 0 stands for no limit. Who comes too many is told which limit it was.</p>
      <div className={styles.numbers}>
        <NumberField field="clients" label="In total" {...props} />
        <NumberField field="clientsPerEndpoint" label="Per endpoint" {...props} />
        <NumberField field="clientsPerUser" label="Per user" {...props} />
      </div>
    </Card>
  );
}

/** How long clients may take. */
export function TimesCard(props: Pick<CardProps, 'draft' | 'errors'>): ReactNode {
  return (
    <Card id="times" when="at once; login and keepalive: to new clients">
      <p className={styles.soft}>In seconds; 0 stands for no end. Idle, statement and transaction times hold for open sessions too.</p>
      <div className={styles.times}>
        <NumberField field="login" label="Login" hint="From the connection to the end of the login." {...props} />
        <NumberField field="idleClient" label="Idle client" hint="Without a query or a transaction." {...props} />
        <NumberField field="idleInTransaction" label="Idle in transaction" hint="Since its last answer." {...props} />
        <NumberField field="query" label="Statement" hint="Cancelled when it runs longer; the session goes on." {...props} />
        <NumberField field="transaction" label="Transaction" hint="Its session is ended when it takes longer." {...props} />
        <NumberField field="keepalive" label="TCP keepalive" hint="Between probes, both sides." {...props} />
      </div>
    </Card>
  );
}
