/** Pods of one cluster for a test, started before it and stopped after it. */
import { afterAll, beforeAll } from 'vitest';
import { Cluster } from './cluster.ts';
import { Pod } from './pod.ts';
import type { PodOptions } from './pod-options.ts';

/** A cluster that runs. */
export interface RunningPods {
  readonly cluster: Cluster;
  readonly pods: readonly Pod[];
  /** The n-th pod, from 1. */
  readonly pod: (n: number) => Pod;
  readonly stop: () => Promise<void>;
}

/** Starts `count` pods that the caller stops. */
export async function startPods(count: number, options: Partial<PodOptions> = {}): Promise<RunningPods> {
  const cluster = new Cluster();
  const pods = await Promise.all(Array.from({ length: count }, (_, index) => new Pod(cluster, index + 1, options).start()));
  return {
    cluster,
    pods,
    pod: (n) => {
      const pod = pods[n - 1];
      if (pod === undefined) throw new RangeError(`there is no pod ${n}`);
      return pod;
    },
    stop: async () => {
      await Promise.all(pods.map((pod) => pod.stop()));
    },
  };
}

/** Registers a cluster with the suite it is called in. */
export function usePods(count: number, options: Partial<PodOptions> = {}): () => RunningPods {
  let running: RunningPods | null = null;
  beforeAll(async () => {
    running = await startPods(count, options);
  });
  afterAll(async () => {
    await running?.stop();
    running = null;
  });
  return () => {
    if (running === null) throw new Error('the pods are there only while tests run');
    return running;
  };
}
