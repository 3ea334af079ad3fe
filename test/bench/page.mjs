/** The results as one page that needs nothing else: charts, tables, floors; light and dark as the reader has it. */
import { readFileSync } from 'node:fs';
import { barChart, escaped, lineChart } from './charts.mjs';
import { busyWords, failureLines, floorRows, header, machineWords, memoryLines, memoryWords, rowsOf, skippedLines } from './tables.mjs';

const style = readFileSync(new URL('./page.css', import.meta.url), 'utf8');

/** A whole HTML document. */
export function pageOf(results) {
  const skipped = skippedLines(results);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Switchyard: benchmark</title>
<style>
${style}</style>
</head>
<body>
<main>
<h1>Switchyard: benchmark</h1>
<p><code>${escaped(results.command)}</code></p>
<p>${escaped(machineWords(results))}</p>
${busyWords(results)
  .map((words) => `<p class="skipped">${escaped(words.replaceAll('*', ''))}</p>`)
  .join('')}
<p>A ratio compares two runs of the same round; a dot or bar is the median of the rounds, the thin line goes from the lowest to the highest.
Where every transaction is a session of its own, latency is that of the whole session, login included.</p>
${skipped.map((line) => `<p class="skipped">${escaped(line)}</p>`).join('\n')}
${legend(results)}
<h2>Floors</h2>
${table(['floor', 'measured (the worst cell)', ''], floorRows(results), (row) => (row[2] === 'met' ? 'met' : 'unmet'))}
${results.workloads.map((workload) => section(results, workload)).join('\n')}
<section>
<h2>Memory of an idle client</h2>
<p>${escaped(memoryWords)}</p>
<div class="charts">${memoryChart(results)}</div>
<ul>${memoryLines(results)
    .map((line) => `<li>${escaped(line)}</li>`)
    .join('')}</ul>
</section>
</main>
</body>
</html>
`;
}

function section(results, workload) {
  const rows = rowsOf(results, workload.id);
  if (rows.length === 0) return '';
  return `<section>
<h2>${escaped(workload.label)}</h2>
<div class="charts">${chartsOf(results, workload).join('\n')}</div>
${failureLines(results, workload.id)
  .map((line) => `<p class="skipped">${escaped(line)}</p>`)
  .join('')}
<details><summary>All figures (per second: ${escaped(workload.unit)})</summary>
${table(header, rows, () => '')}
</details>
</section>`;
}

function chartsOf(results, workload) {
  const rows = results.rows.filter((row) => row.workload === workload.id);
  const positions = [...new Set(rows.map(({ clients }) => clients))].toSorted((a, b) => a - b);
  const shown = results.configurations.filter(({ id }) => rows.some((row) => row.configuration === id));
  const valueOf = (id, clients, pick) => {
    const row = rows.find((each) => each.configuration === id && each.clients === clients);
    return row === undefined ? null : pick(row);
  };
  const direct = { at: 1, words: 'direct' };
  const charts = [
    { title: `Rate, ${workload.unit}`, label: workload.unit, pick: (row) => row.tps, format: whole },
    { title: 'Rate, in relation to direct', label: 'times direct', pick: (row) => row.toDirect, format: short, mark: direct },
    { title: 'Latency, 95th percentile', label: 'ms', pick: (row) => exactly(row.p95), format: short, logarithmic: true },
    { title: 'CPU time of the pooler', label: 'µs per transaction', pick: (row) => exactly(row.cpuMicros), format: whole },
  ];
  return charts.map(({ title, label, pick, format, mark = null, logarithmic = false }) => {
    if (positions.length > 1) {
      const series = shown.map((each) => ({ ...each, values: positions.map((clients) => valueOf(each.id, clients, pick)) }));
      return lineChart({ title, xLabel: 'clients', yLabel: label, positions, series, format, mark, logarithmic });
    }
    const series = shown.map((each) => ({ ...each, value: valueOf(each.id, positions[0], pick) }));
    return barChart({ title: `${title}, ${positions[0]} clients`, xLabel: label, series, format, mark });
  });
}

function memoryChart(results) {
  const series = results.memory.map((each) => {
    const { id, label } = results.configurations.find((known) => known.id === each.configuration);
    return { id, label, value: exactly(each.kbPerClient) };
  });
  const mark = { at: 40, words: 'floor: 40 kB' };
  return barChart({ title: 'Resident memory per idle client', xLabel: 'kB (the line is the floor)', series, format: short, mark });
}

function legend(results) {
  const items = results.configurations.map(
    ({
      id,
      label,
    }) => `<li class="c-${id}"><svg viewBox="0 0 34 12" aria-hidden="true"><line class="line s-${id}" x1="1" x2="33" y1="6" y2="6"/>
<circle cx="17" cy="6" r="4"/></svg>${escaped(label)}</li>`,
  );
  return `<ul class="legend">${items.join('\n')}</ul>`;
}

function table(names, rows, classOf) {
  const cells = (row, tag) => row.map((text) => `<${tag}>${escaped(text)}</${tag}>`).join('');
  const body = rows.map((row) => `<tr class="${classOf(row)}">${cells(row, 'td')}</tr>`);
  return `<div class="wide"><table><thead><tr>${cells(names, 'th')}</tr></thead>
<tbody>${body.join('\n')}</tbody></table></div>`;
}

function exactly(value) {
  return value === null ? null : { median: value, lowest: value, highest: value };
}

function whole(value) {
  return Math.round(value).toLocaleString('en');
}

function short(value) {
  return Number(value.toPrecision(3)).toLocaleString('en', { maximumFractionDigits: 3 });
}
