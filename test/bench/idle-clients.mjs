/** What a client that does nothing costs a pooler in memory: many of them, in a process of the pooler's own. */
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { residentKb } from './processes.mjs';

/**
 * Clients that are there before the first look, and stay: with them the process grows to its working size. Gone again they would leave
 * room behind, in which the counted ones cost nothing.
 */
export const warmUpClients = 500;
const atOnce = 10;
const settleMs = 2_000;

/**
 * Opens clients, each of which asks once and stays until all are measured.
 * @returns kB per client of resident memory, and what it was before and after; null where the kernel does not tell
 */
export async function memoryPerIdleClient({ pooler, database, role, clients }) {
  const opened = [];
  const open = async (count) => {
    const wanted = opened.length + count;
    while (opened.length < wanted) {
      const group = Array.from({ length: Math.min(atOnce, wanted - opened.length) }, () => openClient(pooler, database, role));
      const settled = await Promise.allSettled(group);
      opened.push(...settled.flatMap(({ value }) => value ?? []));
      const failed = settled.find(({ status }) => status === 'rejected');
      if (failed !== undefined) throw failed.reason;
    }
    await sleep(settleMs);
    return residentKb(pooler.pid);
  };
  try {
    const before = await open(warmUpClients);
    const after = await open(clients);
    if (before === null || after === null) return null;
    return { clients, beforeKb: before, afterKb: after, kbPerClient: (after - before) / clients };
  } finally {
    await Promise.allSettled(opened.map((client) => client.end()));
  }
}

async function openClient({ host, port }, { database }, role) {
  const client = new pg.Client({ host, port, database, user: role, connectionTimeoutMillis: 60_000 });
  // A client that is lost fails the next question, not the process.
  client.on('error', () => undefined);
  await client.connect();
  await client.query('SELECT 1');
  return client;
}
