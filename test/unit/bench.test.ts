/** The arithmetic of the benchmark: a wrong median would be believed. */
import { describe, expect, it } from 'vitest';

interface Spread {
  median: number;
  lowest: number;
  highest: number;
}
interface Run {
  workload: string;
  clients: number;
  round: number;
  configuration: string;
  tps: number;
  transactions: number;
  latency: { p50: number; p95: number; p99: number } | null;
  cpuSeconds: number | null;
  peakKb: number | null;
  servers: number | null;
  failure: string | null;
}
interface Row {
  workload: string;
  clients: number;
  configuration: string;
  rounds: number;
  failure: string | null;
  tps: Spread | null;
  toDirect: Spread | null;
  toRival: Spread | null;
  p95: number | null;
  cpuMicros: number | null;
  peakKb: number | null;
  servers: number | null;
}
interface Floor {
  title: string;
  floor: number;
  met: boolean | null;
  value: number | null;
  where: string | null;
}
interface Bench {
  percentilesOf(values: number[]): { p50: number; p95: number; p99: number } | null;
  median(values: number[]): number | null;
  summarise(runs: Run[], configurations: { id: string; rival: string | null }[]): Row[];
  floorsOf(rows: Partial<Row>[], memory: { configuration: string; clients: number; kbPerClient: number | null }[]): Floor[];
  latencies(logs: string[], wholeSessions: boolean, beganAt: number): number[];
  readKnobs(words: string[], environment: Record<string, string>): { clients: number[]; rounds: number; configurations: { id: string }[] };
  readReport(output: string): { tps: number; transactions: number };
  scaleFor(values: number[], logarithmic: boolean): { ticks: number[]; share: (value: number) => number };
  lineChart(chart: object): string;
  floorRows(results: { floors: Floor[] }): string[][];
}

/** Plain modules without types of their own: named here, once. */
const files = ['statistics', 'floors', 'latencies', 'knobs', 'measure', 'charts', 'tables'];
const modules = await Promise.all(files.map((file) => import(new URL(`../bench/${file}.mjs`, import.meta.url).href) as Promise<object>));
const bench = Object.assign({}, ...modules) as Bench;

const configurations = [
  { id: 'direct', rival: null },
  { id: 'session', rival: 'pgbouncer-session' },
  { id: 'pgbouncer-session', rival: null },
];

function run(configuration: string, round: number, tps: number, more: Partial<Run> = {}): Run {
  return {
    workload: 'short',
    clients: 10,
    round,
    configuration,
    tps,
    transactions: tps,
    latency: { p50: 1, p95: 2, p99: 3 },
    cpuSeconds: null,
    peakKb: null,
    servers: null,
    failure: null,
    ...more,
  };
}

describe('figures', () => {
  it('takes percentiles by the nearest rank', () => {
    const hundred = Array.from({ length: 100 }, (_, at) => 100 - at);
    expect(bench.percentilesOf(hundred)).toEqual({ p50: 50, p95: 95, p99: 99 });
    expect(bench.percentilesOf([7])).toEqual({ p50: 7, p95: 7, p99: 7 });
    expect(bench.percentilesOf([])).toBeNull();
  });

  it('takes the middle of an odd and of an even number', () => {
    expect(bench.median([3, 1, 2])).toBe(2);
    expect(bench.median([10, 9, 1, 2])).toBe(5.5);
    expect(bench.median([])).toBeNull();
  });

  it('compares runs of the same round only', () => {
    // The machine was twice as fast in the second round: rates differ, ratios do not.
    const runs = [
      run('direct', 0, 100),
      run('session', 0, 900),
      run('pgbouncer-session', 0, 1000),
      run('direct', 1, 200),
      run('session', 1, 1800),
      run('pgbouncer-session', 1, 1500),
    ];
    const row = bench.summarise(runs, configurations).find(({ configuration }) => configuration === 'session');
    expect(row?.toDirect).toEqual({ median: 9, lowest: 9, highest: 9 });
    expect(row?.toRival?.lowest).toBeCloseTo(0.9);
    expect(row?.toRival?.highest).toBeCloseTo(1.2);
    expect(row?.tps).toEqual({ median: 1350, lowest: 900, highest: 1800 });
  });

  it('leaves a round out whose other half failed, and says what failed', () => {
    const runs = [run('direct', 0, 100), run('session', 0, 0, { failure: 'refused' }), run('session', 1, 300), run('direct', 2, 50)];
    const row = bench.summarise(runs, configurations).find(({ configuration }) => configuration === 'session');
    expect(row).toMatchObject({ rounds: 1, toDirect: null, failure: 'refused' });
  });

  it('adds up CPU time over the rounds', () => {
    const runs = [
      run('session', 0, 1, { cpuSeconds: 0.01, transactions: 100 }),
      run('session', 1, 1, { cpuSeconds: 0.05, transactions: 200 }),
    ];
    expect(bench.summarise(runs, configurations)[0]?.cpuMicros).toBeCloseTo(200);
  });
});

describe('floors', () => {
  const spread = (median: number): Spread => ({ median, lowest: median, highest: median });
  const row = (workload: string, clients: number, toDirect: number, toRival: number): Partial<Row> => ({
    workload,
    clients,
    configuration: 'session',
    toDirect: spread(toDirect),
    toRival: spread(toRival),
  });

  it('judges by the worst cell, and says which', () => {
    const floors = bench.floorsOf(
      [row('short', 1, 12, 0.95), row('short', 100, 7.9, 0.91), row('tpcb', 1, 1, 0.1), row('select', 10, 1, 0.85)],
      [],
    );
    const [direct, rival, steady] = floors;
    expect(direct).toMatchObject({ floor: 8, value: 7.9, met: false, where: 'short, 100 clients' });
    expect(rival).toMatchObject({ floor: 0.9, value: 0.91, met: true });
    // One client is not "10 and more".
    expect(steady).toMatchObject({ floor: 0.85, value: 0.85, met: true });
  });

  it('shows a floor that was not measured as just that', () => {
    const floors = bench.floorsOf([], [{ configuration: 'session', clients: 1000, kbPerClient: 41 }]);
    expect(floors).toHaveLength(8);
    expect(floors.filter(({ met }) => met === null)).toHaveLength(7);
    expect(floors.find(({ met }) => met === false)).toMatchObject({ floor: 40, value: 41 });
    expect(bench.floorRows({ floors }).map(([, , verdict]) => verdict)).toContain('NOT MET');
  });
});

describe('what pgbench says', () => {
  it('reads its summary', () => {
    const output =
      'number of transactions actually processed: 4912\nlatency average = 2 ms\ntps = 4873.512 (without initial connection time)\n';
    expect(bench.readReport(output)).toEqual({ tps: 4873.512, transactions: 4912 });
    expect(() => bench.readReport('pgbench: error')).toThrow(/no figures/);
  });

  it('reads latencies as pgbench gives them', () => {
    expect(bench.latencies(['0 1 1500 0 1700000000 100\n1 1 2500 0 1700000000 200\n'], false, 0)).toEqual([1.5, 2.5]);
  });

  it('takes sessions from end to end, each client by itself', () => {
    const log = ['0 1 9 0 1700000000 0', '1 1 9 0 1700000000 1000', '0 2 9 0 1700000000 5000', '1 2 9 0 1700000001 1000', ''].join('\n');
    expect(bench.latencies([log], true, 0)).toEqual([5, 1000]);
  });

  it('does not lose the one session of a client that waited long', () => {
    const began = 1_700_000_000_000;
    expect(bench.latencies(['0 1 9 0 1700000002 500000\n'], true, began)).toEqual([2500]);
  });
});

describe('knobs', () => {
  it('takes what is asked for, in the order of the table', () => {
    const knobs = bench.readKnobs([], { CLIENTS: '1, 5,1', ROUNDS: '7', CONFIGS: 'pgbouncer-session,direct' });
    expect(knobs).toMatchObject({ clients: [1, 5], rounds: 7 });
    expect(knobs.configurations.map(({ id }) => id)).toEqual(['direct', 'pgbouncer-session']);
  });

  it.each([
    [{ CLIENTS: '0' }, /CLIENTS/],
    [{ ROUNDS: 'many' }, /ROUNDS/],
    [{ CONFIGS: 'odyssey' }, /there is no "odyssey"/],
  ])('refuses %j', (environment, words) => {
    expect(() => bench.readKnobs([], environment as Record<string, string>)).toThrow(words);
  });
});

describe('charts', () => {
  it('marks an axis with round values that hold everything', () => {
    const { ticks, share } = bench.scaleFor([0, 4462, 2100], false);
    expect(ticks).toEqual([0, 2000, 4000, 6000]);
    expect(share(3000)).toBeCloseTo(0.5);
    const logarithmic = bench.scaleFor([0.4, 90], true);
    expect(logarithmic.ticks.map((tick) => Number(tick.toPrecision(3)))).toEqual([0.1, 1, 10, 100]);
    expect(logarithmic.share(100)).toBeCloseTo(1);
  });

  it('draws a dot per value and a gap for none, and lets no text break out', () => {
    const value = { median: 2, lowest: 1, highest: 3 };
    const svg = bench.lineChart({
      title: 'a <b>',
      xLabel: 'clients',
      yLabel: 'ms',
      positions: [1, 10, 100],
      series: [{ id: 'direct', label: 'direct "x"', values: [value, null, value] }],
      format: String,
    });
    expect(svg.match(/<circle/g)).toHaveLength(2);
    expect(svg).toContain('a &lt;b&gt;');
    expect(svg).toContain('direct &quot;x&quot;, 100 clients: 2 (1 to 3)');
    expect(svg).not.toContain('NaN');
  });
});
