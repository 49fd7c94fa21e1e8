// Plots: positions from 0 to 1 come from the server and are only stretched here. Labels are text beside the picture, so that they
// are never distorted.

import { h } from "./dom.js";

const x = (at) => (at * 1000).toFixed(1);
const y = (at) => ((1 - at) * 1000).toFixed(1);
const percent = (at) => (at * 100).toFixed(2) + "%";

// plot draws one picture. word gives what a sample says here; look points at a sample, and chosen is its place in the row, or -1.
export function plot(p, frame, look, word, tall) {
  const chosen = frame.samples[look.chosen];
  return h("figure", { class: "plot" },
    h("figcaption", {}, h("span", { class: tall ? "said" : "plot-title" }, p.title),
      h("ul", { class: "legend" }, p.lines.map((l) => h("li", {}, sample(l), h("span", { class: "legend-name" }, l.name), h("span", { class: "legend-last" }, l.last))))),
    h("div", { class: tall ? "canvas tall" : "canvas" },
      h("div", { class: "y-axis", "aria-hidden": "true" }, p.ticks.map((t) => h("span", { style: { bottom: percent(t.at) } }, t.text))),
      h("div", { class: "picture", tabindex: "0", role: "group", "aria-label": p.title + " over time, arrow keys read it", ...look.events(frame, word) },
        h("svg", { viewBox: "0 0 1000 1000", preserveAspectRatio: "none", role: "img", "aria-label": p.title + ": " + p.said },
          frame.began > 0 && h("rect", { class: "unseen", x: 0, y: 0, width: x(frame.began), height: 1000 }),
          h("g", { class: "grid" }, p.ticks.map((t) => h("line", { x1: 0, x2: 1000, y1: y(t.at), y2: y(t.at) })),
            frame.times.map((t) => h("line", { x1: x(t.at), x2: x(t.at), y1: 0, y2: 1000 }))),
          p.lines.filter((l) => l.band).map((l) => h("polygon", { class: "band " + l.kind, points: band(l.band) })),
          p.limits.map((l) => h("line", { class: "limit " + l.kind, x1: 0, x2: 1000, y1: y(l.at), y2: y(l.at) })),
          p.lines.map((l) => h("path", { class: "series " + l.kind, d: l.parts.map(path).join("") })),
          chosen && h("line", { class: "cursor", x1: x(chosen.at), x2: x(chosen.at), y1: 0, y2: 1000 })),
        h("div", { class: "readout" + (chosen && chosen.at > 0.5 ? " left" : ""), "aria-hidden": "true", hidden: !chosen }, chosen && h("strong", {}, chosen.time), " ", chosen && word(chosen)),
        h("div", { class: "limits", "aria-hidden": "true" }, p.limits.map((l) => h("span", { class: "limit-text " + l.kind + (l.at > 0.9 ? " below" : ""), style: { bottom: percent(l.at) } }, l.text))),
        frame.began > 0.12 && h("span", { class: "unseen-text", "aria-hidden": "true", style: { width: percent(frame.began) } }, "not recorded")),
      h("div", { class: "x-axis", "aria-hidden": "true" }, frame.times.filter((t) => t.at > 0.02 && t.at < 0.98).map((t) => h("span", { style: { left: percent(t.at) } }, t.text)))));
}

// pointer follows the pointer and the arrow keys over all plots at once. What the keys choose is read out by say.
export function pointer(draw, say) {
  const look = { chosen: -1 };
  const choose = (at) => {
    if (at === look.chosen) return;
    look.chosen = at;
    draw();
  };
  look.events = (frame, word) => ({
    onpointermove: (e) => {
      const box = e.currentTarget.getBoundingClientRect();
      const at = (e.clientX - box.left) / box.width;
      choose(frame.samples.reduce((best, l, i) => (Math.abs(l.at - at) < Math.abs(frame.samples[best].at - at) ? i : best), 0));
    },
    onpointerleave: () => choose(-1),
    onblur: () => choose(-1),
    onkeydown: (e) => {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[e.key];
      if (!step) return;
      e.preventDefault();
      const last = frame.samples.length - 1;
      choose(look.chosen < 0 ? last : Math.min(last, Math.max(0, look.chosen + step)));
      const chosen = frame.samples[look.chosen];
      if (chosen) say(chosen.time + ": " + word(chosen));
    },
  });
  return look;
}

function path(points) {
  if (points.length === 1) points = [points[0], points[0]];
  return "M" + points.map((p) => x(p[0]) + " " + y(p[1])).join("L");
}

function band(points) {
  return points.map((p) => x(p[0]) + "," + y(p[2])).concat([...points].reverse().map((p) => x(p[0]) + "," + y(p[1]))).join(" ");
}

function sample(l) {
  return h("svg", { class: "sample", viewBox: "0 0 26 10", width: 26, height: 10, "aria-hidden": "true" },
    l.band && h("rect", { class: "band " + l.kind, x: 0, y: 0, width: 26, height: 10 }),
    h("line", { class: "series " + l.kind, x1: 1, x2: 25, y1: 5, y2: 5 }));
}
