/** A client may name itself after the login, as pgJDBC does: what is shown follows. */
import pg from 'pg';
import { expect, test } from 'vitest';
import { useCluster } from '../support/cluster.ts';
import { useYard } from '../support/yard.ts';

const cluster = useCluster();
const yard = useYard(() => ({ endpoints: { 'ep-a': cluster().url() } }));

test('the name of a session is the one it goes by now', async () => {
  const client = new pg.Client({ connectionString: yard().connectionString('ep-a'), application_name: 'before' });
  await client.connect();
  expect((await yard().sessions()).map(({ application }) => application)).toEqual(['before']);
  await client.query("SET application_name = 'after'");
  expect((await yard().sessions()).map(({ application }) => application)).toEqual(['after']);
  await client.end();
});
