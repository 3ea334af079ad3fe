/**
 * Charts as inline SVG, coloured by the style sheet of the page: `c-<series>` is a series' colour, `s-<series>` its line. A value is
 * `{ median, lowest, highest }` (the latter two may equal the first) or null, which leaves a gap.
 */

const width = 420;
const height = 240;
const margin = { left: 56, right: 12, top: 12, bottom: 40 };
const plot = { width: width - margin.left - margin.right, height: height - margin.top - margin.bottom };

/** Text as it may stand in HTML. */
export function escaped(text) {
  return String(text).replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}

/**
 * One line per series over the same positions.
 * `series`: `{ id, label, values }`, a value per position; `format` writes a value; `mark`: a level to be drawn, with its words.
 */
export function lineChart({ title, xLabel, yLabel, positions, series, format, logarithmic = false, mark = null }) {
  const all = series.flatMap(({ values }) => values.filter((value) => value !== null));
  if (all.length === 0) return '';
  const scale = scaleFor([...all.flatMap((value) => [value.lowest, value.highest]), ...(mark === null ? [] : [mark.at])], logarithmic);
  const x = (at) => margin.left + (positions.length === 1 ? plot.width / 2 : (at * plot.width) / (positions.length - 1));
  const y = (value) => margin.top + plot.height * (1 - scale.share(value));
  const lines = series.map(({ id, label, values }) => {
    const points = values.flatMap((value, at) => (value === null ? [] : [{ value, at }]));
    const path = points.map(({ value, at }) => `${x(at).toFixed(1)},${y(value.median).toFixed(1)}`).join(' ');
    const dots = points.map(({ value, at }) => {
      const words = `${label}, ${positions[at]} ${xLabel}: ${withRange(value, format)}`;
      const range = `<line x1="${x(at)}" x2="${x(at)}" y1="${y(value.lowest)}" y2="${y(value.highest)}" class="range"/>`;
      return `<g class="dot c-${id}"><title>${escaped(words)}</title>${range}<circle cx="${x(at)}" cy="${y(value.median)}" r="4"/></g>`;
    });
    return `<polyline class="line s-${id}" points="${path}"/>${dots.join('')}`;
  });
  const grid = scale.ticks.map((tick) => gridLine(y(tick), format(tick)));
  const labels = positions.map(
    (position, at) => `<text class="tick" text-anchor="middle" x="${x(at)}" y="${height - margin.bottom + 16}">${escaped(position)}</text>`,
  );
  const marked = mark === null ? '' : markLine(y(mark.at), mark.words);
  return figure(title, [...grid, ...labels, marked, ...lines, axisNames(xLabel, yLabel)].join(''), height);
}

/** One bar per series. */
export function barChart({ title, xLabel, series, format, mark = null }) {
  const known = series.filter(({ value }) => value !== null);
  if (known.length === 0) return '';
  const left = 150;
  const step = 28;
  const tall = margin.top + known.length * step + margin.bottom;
  const scale = scaleFor([0, ...known.map(({ value }) => value.highest), ...(mark === null ? [] : [mark.at])], false);
  // Room for the figure behind the longest bar.
  const x = (value) => left + (width - left - 70) * scale.share(value);
  const bars = known.map(({ id, label, value }, at) => {
    const top = margin.top + at * step;
    const words = `${label}: ${withRange(value, format)}`;
    return `<g class="bar c-${id}"><title>${escaped(words)}</title>
<text class="name" text-anchor="end" x="${left - 8}" y="${top + 16}">${escaped(label)}</text>
<rect class="s-${id}" x="${left}" y="${top + 3}" width="${Math.max(1, x(value.median) - left).toFixed(1)}" height="${step - 8}" rx="2"/>
<line class="range" x1="${x(value.lowest)}" x2="${x(value.highest)}" y1="${top + step / 2 - 1}" y2="${top + step / 2 - 1}"/>
<text class="value" x="${x(value.highest) + 6}" y="${top + 16}">${escaped(format(value.median))}</text></g>`;
  });
  const bottom = tall - margin.bottom;
  const ticks = scale.ticks.map(
    (tick) => `<line class="grid" x1="${x(tick)}" x2="${x(tick)}" y1="${margin.top}" y2="${bottom}"/>
<text class="tick" text-anchor="middle" x="${x(tick)}" y="${bottom + 16}">${escaped(format(tick))}</text>`,
  );
  const marked =
    mark === null
      ? ''
      : `<line class="mark" x1="${x(mark.at)}" x2="${x(mark.at)}" y1="${margin.top}" y2="${bottom}"><title>${escaped(mark.words)}</title></line>`;
  const name = `<text class="axis" text-anchor="middle" x="${(left + width) / 2}" y="${tall - 6}">${escaped(xLabel)}</text>`;
  return figure(title, [...ticks, ...bars, marked, name].join(''), tall);
}

function figure(title, content, tall) {
  return `<figure><figcaption>${escaped(title)}</figcaption>
<svg viewBox="0 0 ${width} ${tall}" role="img" aria-label="${escaped(title)}">${content}</svg></figure>`;
}

function gridLine(y, words) {
  return `<line class="grid" x1="${margin.left}" x2="${width - margin.right}" y1="${y}" y2="${y}"/>
<text class="tick" text-anchor="end" x="${margin.left - 6}" y="${y + 4}">${escaped(words)}</text>`;
}

function markLine(y, words) {
  return `<line class="mark" x1="${margin.left}" x2="${width - margin.right}" y1="${y}" y2="${y}"/>
<text class="mark-words" text-anchor="end" x="${width - margin.right}" y="${y - 4}">${escaped(words)}</text>`;
}

function axisNames(xLabel, yLabel) {
  const middle = margin.top + plot.height / 2;
  return `<text class="axis" text-anchor="middle" x="${margin.left + plot.width / 2}" y="${height - 6}">${escaped(xLabel)}</text>
<text class="axis" text-anchor="middle" transform="rotate(-90 12 ${middle})" x="12" y="${middle}">${escaped(yLabel)}</text>`;
}

function withRange(value, format) {
  const { median, lowest, highest } = value;
  return lowest === highest ? format(median) : `${format(median)} (${format(lowest)} to ${format(highest)})`;
}

/**
 * Where a value lies between the ends (0 to 1), and round values to write at the axis. Linear ones begin at 0.
 * @param {number[]} values what has to fit
 */
export function scaleFor(values, logarithmic) {
  const most = Math.max(...values);
  if (logarithmic) {
    const least = Math.min(...values.filter((value) => value > 0));
    const from = Math.floor(Math.log10(least));
    const to = Math.max(from + 1, Math.ceil(Math.log10(most)));
    const ticks = Array.from({ length: to - from + 1 }, (_, at) => 10 ** (from + at));
    return { ticks, share: (value) => (Math.log10(Math.max(value, 10 ** from)) - from) / (to - from) };
  }
  const step = roundStep(most / 4);
  const ticks = Array.from({ length: Math.ceil(most / step - 1e-9) + 1 }, (_, at) => at * step);
  const end = ticks.at(-1) || 1;
  return { ticks, share: (value) => value / end };
}

/** The next of 1, 2, 2.5, 5, 10 … that is not smaller. */
function roundStep(wanted) {
  if (wanted <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(wanted));
  return [1, 2, 2.5, 5, 10].map((each) => each * power).find((step) => step >= wanted * (1 - 1e-9)) ?? 10 * power;
}
