/** What a client that does nothing costs a pooler in memory: many of them, in a process of the pooler's own. */
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { residentKb } from './processes.mjs';

/** Clients that come and go before the first look: code is compiled, buffers are there. */
const warmUp = 100;
const atOnce = 10;
const settleMs = 2_000;

/**
 * Opens clients, each of which asks once and stays.
 * @returns kB per client of resident memory, and what it was before and after; null where the kernel does not tell
 */
export async function memoryPerIdleClient({ pooler, database, role, clients }) {
  const open = async (count) => {
    const opened = [];
    while (opened.length < count) {
      const group = Array.from({ length: Math.min(atOnce, count - opened.length) }, () => openClient(pooler, database, role));
      const settled = await Promise.allSettled(group);
      opened.push(...settled.flatMap(({ value }) => value ?? []));
      const failed = settled.find(({ status }) => status === 'rejected');
      if (failed !== undefined) {
        await close(opened);
        throw failed.reason;
      }
    }
    return opened;
  };
  await close(await open(warmUp));
  await sleep(settleMs);
  const before = residentKb(pooler.pid);
  const opened = await open(clients);
  await sleep(settleMs);
  const after = residentKb(pooler.pid);
  await close(opened);
  if (before === null || after === null) return null;
  return { clients, beforeKb: before, afterKb: after, kbPerClient: (after - before) / clients };
}

async function openClient({ host, port }, { database }, role) {
  const client = new pg.Client({ host, port, database, user: role, connectionTimeoutMillis: 60_000 });
  // A client that is lost fails the next question, not the process.
  client.on('error', () => undefined);
  await client.connect();
  await client.query('SELECT 1');
  return client;
}

async function close(clients) {
  await Promise.allSettled(clients.map((client) => client.end()));
}
