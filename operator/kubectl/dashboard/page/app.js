// The page: it shows what the server says, and gives commands for exactly what it shows. It holds no rules of its own.

import { h, show } from "./dom.js";
import { Stream, command, report, takeToken } from "./wire.js";
import { plot } from "./plots.js";

const $ = (id) => document.getElementById(id);
const state = { board: null, service: null, plots: null, gone: "", report: {}, chosen: {}, health: null, lost: { lost: false }, filter: "" };
let stream = null;
let said = "";
let drawing = 0;

const say = (text) => { $("said").textContent = text; };

const badge = (b) => b && h("span", { class: "badge " + b.tone }, h("span", { class: "icon", "aria-hidden": "true" }, b.icon), h("span", {}, b.word));
const key = () => decodeURIComponent(location.hash.replace(/^#\/?/, ""));

function draw() {
  cancelAnimationFrame(drawing);
  drawing = requestAnimationFrame(() => {
    show($("main"), key() ? servicePage() : boardPage());
    frame();
  });
}

// frame is what stands around the page.
function frame() {
  const { health, lost } = state;
  $("place").textContent = health ? health.place : "";
  $("link").textContent = lost.lost ? "○ not connected" : health && !health.waiting ? (health.trouble ? "! not up to date" : "● connected") : "… connecting";
  $("link").className = "link " + (lost.lost || (health && health.trouble) ? "careful" : "good");
  document.body.classList.toggle("old", lost.lost);
  const trouble = lost.lost ? lost.text : health && health.trouble ? "What is shown may be old: " + health.trouble + ". It is tried again by itself." : "";
  const banner = $("banner");
  banner.hidden = !trouble;
  show(banner, [h("p", {}, trouble), lost.retry && h("button", { class: "small", onclick: () => stream && stream.open() }, "Try now")]);
  const s = state.service;
  document.title = key() && s ? s.state.icon + " " + s.name + " " + s.state.word + " – Stagger" : "Stagger";
  const now = key() ? (s ? s.said : "") : state.board ? state.board.summary : "";
  if (now !== said) $("said").textContent = said = now;
}

const line = (text, label) => h("div", { class: "line" }, h("code", {}, text), copyButton(text, label));

let copied = "";
let forgetting = 0;

const copyButton = (text, label) => {
  const word = copied === text ? "Copied" : "Copy";
  return h("button", { class: "small", "aria-label": label ? word + ": " + label : null, onclick: (e) => copy(text, e.currentTarget) }, word);
};

// copy does without navigator.clipboard, which a browser has in a secure context only, and may refuse.
async function copy(text, button) {
  let done = true;
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    done = copySelected(text);
    button.focus();
  }
  copied = done ? text : "";
  if (done) say("Copied");
  else tell("It cannot be copied here; select it and copy it by hand.");
  clearTimeout(forgetting);
  forgetting = setTimeout(() => { copied = ""; if (stream) draw(); }, 4000);
  if (stream) draw();
  else if (done) button.textContent = "Copied";
}

function copySelected(text) {
  const area = document.createElement("textarea");
  Object.assign(area, { value: text, readOnly: true, className: "said" });
  document.body.append(area);
  area.select();
  try {
    return document.execCommand("copy");
  } catch {
    return false;
  } finally {
    area.remove();
  }
}

function boardPage() {
  const b = state.board;
  const odd = state.health && state.health.odd && state.health.odd.map((text) => h("p", { class: "note careful" }, h("strong", {}, "! "), text));
  if (!b) return [h("h1", {}, "Releases"), h("p", { class: "quiet" }, state.health && state.health.trouble ? "Nothing is known yet." : "Looking at the cluster…")];
  if (b.empty) {
    return [h("h1", {}, "Releases"), odd, h("section", { class: "card hint" }, h("p", {}, b.empty.text), line(b.empty.line),
      h("p", { class: "quiet" }, "From then on each change of its Deployment's pod template goes out step by step, and shows up here."))];
  }
  const words = state.filter.toLowerCase().split(/\s+/).filter(Boolean);
  const rows = b.rows.filter((r) => words.every((w) => [r.namespace, r.name, r.state.word, r.version, r.why].join(" ").toLowerCase().includes(w)));
  const columns = [["state", "State"], ["service", "Service"], ["step", "Step"], ["weight", "Weight"], ["verdict", "Verdict"], ["version", "Version"], ["age", "Age"], ["seen", "Seen"], ["why", "Reason"]];
  return [
    h("div", { class: "head" }, h("h1", {}, "Releases"), h("p", { class: "quiet", id: "summary" }, b.summary),
      h("label", { class: "filter" }, h("span", {}, "Filter"), h("input", { type: "search", placeholder: "name, state, version", oninput: (e) => { state.filter = e.target.value; draw(); } }))),
    odd,
    h("table", { class: "fleet card", role: "table", "aria-describedby": "summary" },
      h("caption", { class: "said" }, "Services under management, newest trouble first"),
      h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, columns.map(([name, text]) => h("th", { class: name, scope: "col", role: "columnheader" }, text)))),
      h("tbody", { role: "rowgroup" }, rows.map((r) => fleetRow(r, b.namespaces)),
        rows.length === 0 && h("tr", { role: "row", key: "" }, h("td", { colspan: columns.length, role: "cell", class: "quiet" }, "No Service fits the filter. Clear it to see all.")))),
  ];
}

function fleetRow(r, namespaces) {
  const cell = (name, ...content) => h("td", { class: name, role: "cell" }, ...content);
  return h("tr", { role: "row", key: r.namespace + "/" + r.name, class: "row" },
    cell("state", badge(r.state)),
    h("th", { class: "service", scope: "row", role: "rowheader" }, h("a", { href: "#/" + encodeURIComponent(r.namespace + "/" + r.name) }, r.name),
      namespaces && h("span", { class: "namespace" }, r.namespace)),
    cell("step", r.step), cell("weight", r.weight), cell("verdict", badge(r.verdict)), cell("version", r.version), cell("age", r.age), cell("seen", r.seen),
    cell("why", r.why, r.next && h("span", { class: "next" }, r.next)));
}

function servicePage() {
  const back = h("nav", { "aria-label": "Way back" }, h("a", { href: "#/", class: "back" }, "← All Services"));
  if (state.gone) return [back, h("h1", {}, key()), h("p", { class: "note bad" }, h("strong", {}, "✘ "), state.gone)];
  const s = state.service;
  if (!s) return [back, h("h1", {}, key()), h("p", { class: "quiet" }, "Looking at the cluster…")];
  return [
    back,
    h("div", { class: "head" },
      h("div", { class: "names" }, h("h1", {}, s.name), h("p", { class: "quiet" }, ["namespace " + s.namespace, s.policy && "policy " + s.policy].filter(Boolean).join(" · "))),
      h("div", { class: "now" }, badge({ ...s.state, tone: s.state.tone + " large" }), h("span", { class: "detail" }, s.detail))),
    h("div", { class: "bar" }, h("p", { class: "version" }, s.release && h("strong", {}, s.release), s.release && " ", s.version),
      h("div", { class: "actions", role: "group", "aria-label": "Commands" }, s.actions.map((a) => action(s, a)))),
    h("section", { class: "card", "aria-label": "Now" },
      h("p", { class: "next-line" }, h("span", { class: "label" }, "Next"), h("span", {}, s.next || "–")),
      s.notes.map((n) => h("p", { class: "note " + n.tone }, h("strong", {}, n.label), " ", n.text)),
      s.byHand && h("p", { class: "note bad" }, h("strong", {}, "By hand"), " ", s.byHand.text),
      s.byHand && s.byHand.line && line(s.byHand.line),
      s.facts.length > 0 && h("dl", { class: "facts" }, s.facts.map((f) => h("div", {}, h("dt", {}, f.label), h("dd", {}, f.text)))),
      s.stops.length > 0 && h("ol", { class: "stops", "aria-label": "Steps" }, s.stops.map(stop))),
    weights(s),
    s.contests.map((c) => contest(c)),
    s.checks.length + s.around.length > 0 && h("section", { class: "card" }, h("h2", {}, "Pods, routes and evidence"),
      h("dl", { class: "checks" }, s.around.map((f) => h("div", {}, h("dt", {}, f.label), h("dd", { class: f.tone }, f.text))),
        s.checks.map((c) => h("div", {}, h("dt", {}, c.label), h("dd", {}, badge(c.status), h("span", {}, c.text)))))),
    terminal(s),
    record(s),
    queries(s),
    past(s),
  ].filter(Boolean);
}

function terminal(s) {
  if (!s.commands) return null;
  return h("section", { class: "card", key: "terminal" }, h("h2", {}, "In a terminal"),
    h("dl", { class: "commands" }, s.commands.map((c) => h("div", { key: c.text }, h("dt", {}, c.text), h("dd", {}, line(c.line, c.text))))));
}

// record is the report of the release, or of the one before it that was chosen, which is fetched when it is wanted.
function record(s) {
  if (!s.number) return null;
  const service = s.namespace + "/" + s.name + "/";
  const chosen = state.chosen.of === service && s.past.some((p) => p.number === state.chosen.number);
  const number = chosen ? state.chosen.number : String(s.number);
  const of = service + number;
  const wanted = async (as, then) => {
    try {
      then(await report(s.namespace, s.name, number, as));
    } catch (failure) {
      tell(failure.message);
    }
  };
  const button = (text, onclick) => h("button", { class: "small", onclick }, text);
  return h("section", { class: "card", key: "report" },
    h("div", { class: "contest-head" }, h("h2", { id: "report", tabindex: "-1" }, "Report of release " + number),
      button("Save as Markdown", () => wanted("markdown", (text) => save(text, s.name + "-release-" + number + ".md", "text/markdown"))),
      button("Save as JSON", () => wanted("json", (text) => save(text, s.name + "-release-" + number + ".json", "application/json"))),
      button("Copy", (e) => { const at = e.currentTarget; return wanted("markdown", (text) => copy(text, at)); }),
      chosen && button("Newest release", () => choose(service, ""))),
    h("details", { key: of, ontoggle: (e) => e.currentTarget.open && wanted("markdown", (text) => { state.report = { of, text }; draw(); }) },
      h("summary", {}, "Show it as it is now"), h("pre", { class: "text", tabindex: "0", role: "region", "aria-label": "Report" }, state.report.of === of ? state.report.text : "")));
}

// choose takes the report of another release of a Service, and goes there.
function choose(of, number) {
  state.chosen = { of, number };
  draw();
  requestAnimationFrame(() => $("report").focus()); // when it is drawn, so that the new name is read out
}

// save has the browser keep a text as a file.
function save(text, name, type) {
  const at = URL.createObjectURL(new Blob([text], { type }));
  Object.assign(document.createElement("a"), { href: at, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(at), 10000);
}

function queries(s) {
  if (!s.queries) return null;
  return h("section", { class: "card", key: "queries" }, h("h2", {}, "What Prometheus is asked"),
    h("p", { class: "quiet" }, "The operator's configuration may add labels of your cluster or jobs to them."),
    s.queries.map((q) => h("details", { key: q.title }, h("summary", {}, q.title),
      h("pre", { class: "text", tabindex: "0", role: "region", "aria-label": q.title }, q.text), copyButton(q.text, q.title))));
}

const stop = (p) => h("li", { class: p.mark, "aria-current": p.mark === "here" ? "step" : null },
  h("span", { class: "icon", "aria-hidden": "true" }, p.icon), h("span", { class: "stop-weight" }, p.weight), h("span", { class: "stop-word" }, p.word), h("span", { class: "stop-hold" }, p.mark === "done" && p.took ? "took " + p.took : "hold " + p.hold));

function weights(s) {
  const p = state.plots;
  if (!p || !p.weight) return null;
  return h("section", { class: "card", key: "weights", "aria-label": "Weight over time" }, h("h2", {}, "Weight over time" + (s.release ? "" : ", of release " + s.number)), h("p", { class: "quiet" }, p.note), plot(p.weight, p, (l) => l.weight, say, true));
}

function contest(c) {
  const at = state.plots ? state.plots.objectives.findIndex((o) => o.name === c.name) : -1;
  const seen = at >= 0 && state.plots.objectives[at];
  return h("section", { class: "card contest", key: "contest " + c.name },
    h("div", { class: "contest-head" }, h("h2", {}, c.title), badge(c.verdict), c.allowed && h("span", { class: "quiet" }, "at most " + c.allowed + " bad allowed")),
    h("div", { class: seen ? "contest-body" : "contest-body bare" },
      h("div", { class: "numbers" }, numbers(c), seen && bars(c)),
      seen ? [plot(seen.share, state.plots, (l) => l.shares[at], say), plot(seen.evidence, state.plots, (l) => l.evidence[at], say)] : h("div", { class: "bars" }, bars(c))));
}

const bars = (c) => [evidence(c.against, "against"), evidence(c.for, "for")];

function numbers(c) {
  const arm = (name, a) => h("tr", {}, h("th", { scope: "row" }, h("span", { class: "dot " + name.toLowerCase(), "aria-hidden": "true" }), name), h("td", {}, a.share), h("td", {}, a.bad), h("td", {}, a.requests));
  return h("table", { class: "arms" }, h("caption", { class: "said" }, c.title + ", both versions"),
    h("thead", {}, h("tr", {}, ["Version", "Bad share", "Bad", "Requests"].map((t) => h("th", { scope: "col" }, t)))),
    h("tbody", {}, arm("Stable", c.stable), arm("Canary", c.canary)));
}

const evidence = (b, kind) => h("div", { class: "evidence" },
  h("div", { class: "evidence-text" }, h("span", {}, b.label), h("span", { class: "value" }, b.value), h("span", { class: "quiet" }, b.limit)),
  h("div", { class: "meter", role: "meter", "aria-label": b.said, "aria-valuemin": 0, "aria-valuemax": 1, "aria-valuenow": b.full, "aria-valuetext": b.said },
    h("div", { class: "level " + kind, style: { width: b.full * 100 + "%" } })));

function past(s) {
  if (s.past.length === 0) return null;
  const columns = ["Release", "Version", "Outcome", "Reason", "Peak", "Failed", "Took", "Ended"];
  return h("section", { class: "card", key: "past" }, h("h2", {}, "Releases before"),
    h("div", { class: "wide", tabindex: "0", role: "region", "aria-label": "Releases before" },
      h("table", { class: "past" }, h("thead", {}, h("tr", {}, columns.map((t) => h("th", { scope: "col", class: ["Peak", "Failed", "Took"].includes(t) ? "right" : null }, t)))),
        h("tbody", {}, s.past.map((p) => h("tr", { key: p.number }, h("th", { scope: "row" }, !s.number ? p.number
          : h("button", { class: "small", "aria-label": "Report of release " + p.number, onclick: () => choose(s.namespace + "/" + s.name + "/", p.number) }, p.number)), h("td", {}, p.version), h("td", {}, badge(p.result)), h("td", {}, p.reason),
          h("td", { class: "right" }, p.peak), h("td", { class: "right" }, p.failed), h("td", { class: "right" }, p.took), h("td", {}, p.ended)))))));
}

function action(s, a) {
  const why = state.lost.lost ? "not while the connection is lost" : a.refused;
  return h("button", { key: a.verb, class: "action " + a.verb, "aria-disabled": why ? "true" : null, title: why || a.effect, onclick: () => (why ? tell(why) : ask(s, a)) }, a.label);
}

// ask names what will happen to which release at which weight, and gives the command for exactly these.
function ask(s, a) {
  const order = { namespace: s.namespace, name: s.name, verb: a.verb, number: s.number, moves: s.moves, reason: "" };
  const dialog = $("ask");
  let error = "";
  let busy = false;
  const again = () => show(dialog, [h("form", { method: "dialog", onsubmit: submit },
    h("h2", { id: "ask-title" }, a.title),
    h("p", { id: "ask-effect" }, a.effect),
    a.reason && h("label", { class: "reason" }, h("span", {}, a.reason === "required" ? "Reason (required)" : "Reason (optional), for the record"),
      h("textarea", { rows: 2, required: a.reason === "required", oninput: (e) => { order.reason = e.target.value; } })),
    h("p", { class: "note bad", role: "alert", hidden: !error }, error && h("strong", {}, "✘ "), error),
    h("div", { class: "choices" }, h("button", { type: "button", onclick: () => dialog.close() }, error ? "Close" : "Cancel"),
      h("button", { type: "submit", class: "confirm " + (a.grave ? a.verb : ""), disabled: busy }, busy ? "Commanding…" : a.confirm)))]);
  async function submit(e) {
    e.preventDefault();
    if (busy) return;
    busy = true;
    error = "";
    again();
    try {
      tell(await command(order));
      dialog.close();
    } catch (failure) {
      error = failure.message;
    }
    busy = false;
    again();
  }
  show(dialog, []);
  again();
  dialog.showModal();
}

let toasting = 0;
function tell(text) {
  clearTimeout(toasting);
  $("toast").textContent = text;
  toasting = setTimeout(() => { $("toast").textContent = ""; }, 10000);
}

function connect() {
  if (stream) stream.close();
  const path = key();
  const at = "/api/stream" + (path ? "/" + path.split("/").map(encodeURIComponent).join("/") : "");
  const mine = (stream = new Stream(at, (event, data) => {
    if (mine && stream !== mine) return;
    if (event === "service") state.gone = "";
    if (event === "gone") state.gone = data.error;
    else state[event] = data;
    draw();
  }, (lost) => {
    if (mine && stream !== mine) return;
    state.lost = lost;
    draw();
  }));
}

function go() {
  Object.assign(state, { service: null, plots: null, gone: "" });
  connect();
  draw();
  scrollTo(0, 0);
  $("main").focus({ preventScroll: true });
}

if (takeToken()) {
  go();
  addEventListener("hashchange", () => { takeToken(); go(); });
  document.addEventListener("visibilitychange", () => { if (document.hidden) stream.close(); else connect(); });
  $("skip").onclick = (e) => { e.preventDefault(); $("main").focus(); };
} else {
  show($("main"), [h("h1", {}, "This page needs its address"), h("p", {}, "Open the address that was printed by:"), line("kubectl stagger dashboard"),
    h("p", { class: "quiet" }, "It holds a token, which is new each time and which no one else has.")]);
}
