// Plots: uPlot draws the values that the server sends. A canvas says nothing to the keyboard and to screen readers: the figure around it
// does, in the server's words.

/* global uPlot */
import { h } from "./dom.js";

const dashes = { wanted: [6, 4], stable: [2, 3], for: [6, 4] };
const limitDash = [3, 3];
const clock = (form) => [form, null, null, "\n{D} {MMM}", null, null, null, null, 1];
const clocks = [[86400, "{D} {MMM}", null, null, null, null, null, null, 1], [60, ...clock("{HH}:{mm}")], [1, ...clock("{HH}:{mm}:{ss}")]];
const shown = new Set(); // what is drawn now
let chosen = null; // the time that the arrow keys point at

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue("--" + name);

// plot is a figure. word gives what a sample says here; what the arrow keys choose is read out by say.
export function plot(p, plots, word, say, tall) {
  return h("figure", { class: "plot" },
    h("figcaption", {}, h("span", { class: tall ? "said" : "plot-title" }, p.title),
      h("ul", { class: "legend" },
        p.lines.map((l) => h("li", {}, sample(l.kind, dashes[l.kind], l.low), h("span", { class: "legend-name" }, l.name), h("span", { class: "legend-last" }, l.last))),
        p.limits.map((l) => h("li", {}, sample(l.kind, limitDash), h("span", { class: "legend-name" }, l.text))))),
    h("div", { class: "picture", tabindex: "0", role: "group", "aria-label": p.title + " over time, arrow keys read it", onkeydown: (e) => step(e, say), onblur: () => choose(null) },
      h("div", { class: tall ? "canvas tall" : "canvas", role: "img", "aria-label": p.title + ": " + p.said, own: (host) => paint(host, p, plots, word) })));
}

// sample is how a line looks.
const sample = (kind, [on, off] = [26, 0], band) => h("span", { class: band ? "sample banded" : "sample", "aria-hidden": "true",
  style: { "--line": "var(--" + kind + ")", "--on": on + "px", "--period": on + off + "px" } });

// paint makes a canvas of a host, or gives the one that is there its new values.
function paint(host, p, plots, word) {
  for (const old of shown) if (!old.isConnected) forget(old);
  if (host.p === p) return;
  const alike = host.u && host.plots.number === plots.number && host.p.title === p.title;
  Object.assign(host, { p, plots, word });
  if (!alike) {
    if (host.u) forget(host);
    chosen = null;
    host.readout = Object.assign(document.createElement("div"), { className: "readout" });
    shown.add(host);
    host.u = new uPlot(options(host), data(host), host);
    host.sizes = new ResizeObserver(() => host.clientWidth > 0 && host.u.setSize(size(host)));
    host.sizes.observe(host);
    return;
  }
  host.u.setData(data(host));
  if (chosen !== null) point(host.u);
}

function forget(host) {
  shown.delete(host);
  host.sizes.disconnect();
  host.u.destroy();
}

const size = (host) => ({ width: host.clientWidth, height: host.clientHeight });

// linesOf are in the order in which they are drawn: dashed ones over full ones, so that both are seen where they are equal.
const linesOf = (p) => [...p.lines].reverse();

// data are the times, a row for each line, the ends of the intervals, and the limits.
function data({ p, plots }) {
  const lines = linesOf(p);
  return [plots.times, ...lines.map((l) => l.values), ...lines.filter((l) => l.low).flatMap((l) => [l.high, l.low]), ...p.limits.map((l) => plots.times.map(() => l.value))];
}

// range has some room beyond the ends of the axis, for the width of a line.
const range = ({ bottom, top, logarithmic }) => (logarithmic ? [bottom / 1.2, top * 1.2] : [bottom - 0.02 * top, top]);

function options(host) {
  const { p } = host;
  const row = (label, kind, more) => ({ label, stroke: () => colour(kind), points: { show: false }, ...more });
  const lines = linesOf(p);
  const banded = lines.filter((l) => l.low);
  const axis = { stroke: () => colour("faint"), grid: { stroke: () => colour("grid"), width: 1 }, ticks: { show: false }, font: "12px " + getComputedStyle(host).fontFamily };
  const grid = p.logarithmic ? { ...axis.grid, filter: (u, at) => at.map((v) => (Number.isInteger(Math.log10(v)) ? v : null)) } : axis.grid;
  return {
    ...size(host), legend: { show: false }, padding: [8, 34, 0, 0], tzDate: (at) => clockOf(at, host.plots.offset),
    cursor: { y: false, drag: { x: false }, sync: { key: "plots" }, points: { size: (u, row) => (row > lines.length ? 0 : 7) } },
    scales: { x: { range: () => [host.plots.times[0], Math.max(host.plots.times.at(-1), host.plots.times[0] + 1)] }, y: { range: () => range(host.p), distr: p.logarithmic ? 3 : 1 } },
    axes: [{ ...axis, values: clocks, space: 70, size: 36, gap: 4 }, { ...axis, grid, values: (u, at) => at.map((v) => (v === null ? "" : Number(v.toPrecision(6)) + p.unit)), size: 56, gap: 6, space: 26 }],
    series: [{},
      ...lines.map((l) => row(l.name, l.kind, { width: 2, dash: dashes[l.kind], paths: l.stepped ? uPlot.paths.stepped({ align: 1 }) : null, points: { show: true, size: 4, filter: alone } })),
      ...banded.flatMap((l) => [row("high of " + l.name, l.kind, { width: 0 }), row("low of " + l.name, l.kind, { width: 0 })]),
      ...p.limits.map((l) => row(l.text, l.kind, { width: 1, dash: limitDash }))],
    bands: banded.map((l, i) => ({ series: [1, 2].map((end) => lines.length + 2 * i + end), fill: () => colour(l.kind) + "33" })),
    hooks: { drawAxes: [(u) => unseen(u, host.plots)], init: [(u) => u.over.append(host.readout)], setSize: [point], setCursor: [(u) => readout(host, u)] },
  };
}

// clockOf is a date whose local time is that of the server's words.
function clockOf(at, offset) {
  const date = new Date((at + offset) * 1000);
  return new Date(date.getTime() + date.getTimezoneOffset() * 60000);
}

// alone are the places of values without a neighbour at another time, which no line shows.
const alone = (u, row) => u.data[row].map((v, at) => at).filter((at) => u.data[row][at] != null &&
  [-1, 1].every((by) => u.data[row][at + by] == null || u.data[0][at + by] === u.data[0][at]));

// unseen is the time of which no counts are known.
function unseen(u, { times, first, unseen: text }) {
  const { left, top, height } = u.bbox;
  const width = u.valToPos(times[first], "x", true) - left;
  if (width <= 0) return;
  u.ctx.fillStyle = colour("unseen");
  u.ctx.fillRect(left, top, width, height);
  Object.assign(u.ctx, { fillStyle: colour("faint"), textAlign: "center", font: 12 * devicePixelRatio + "px " + getComputedStyle(u.root).fontFamily });
  if (width > u.ctx.measureText(text).width + 12 * devicePixelRatio) u.ctx.fillText(text, left + width / 2, top + height / 2);
}

// sampleAt is the place of the sample that the cursor points at, -1 when it points at none.
function sampleAt({ cursor: { left, idx } }, plots) {
  return left < 0 || idx === null || idx === undefined ? -1 : Math.min(Math.max(idx - plots.first, 0), plots.samples.length - 1);
}

function readout(host, u) {
  const at = sampleAt(u, host.plots);
  host.readout.hidden = at < 0;
  if (at < 0) return;
  host.readout.classList.toggle("left", u.cursor.left > u.over.clientWidth / 2);
  const time = document.createElement("strong");
  time.textContent = host.plots.samples[at].time;
  host.readout.replaceChildren(time, " " + host.word(host.plots.samples[at]));
}

// point puts the cursor on the time that is chosen, or away.
const point = (u) => u.setCursor({ left: chosen === null ? -10 : u.valToPos(chosen, "x"), top: 0 });

// choose does so in all plots.
function choose(time) {
  chosen = time;
  for (const host of shown) point(host.u);
}

function step(e, say) {
  const by = { ArrowLeft: -1, ArrowRight: 1 }[e.key];
  if (!by) return;
  e.preventDefault();
  const host = e.currentTarget.firstChild;
  const { samples, times, first } = host.plots;
  const before = sampleAt(host.u, host.plots);
  const at = before < 0 ? samples.length - 1 : Math.min(samples.length - 1, Math.max(0, before + by));
  choose(times[first + at]);
  say(samples[at].time + ": " + host.word(samples[at]));
}

// A canvas keeps its colours until it is drawn again.
for (const media of ["print", "(prefers-color-scheme: dark)"]) matchMedia(media).addEventListener("change", () => shown.forEach((host) => host.u.redraw(false)));
