// What goes between the page and its server: the token in a header, JSON, and a stream that is begun again when it breaks.

const kept = "stagger-token";

// token comes in the fragment of the address, is kept for this tab only, and leaves the address at once.
export function takeToken() {
  const given = /^#token=([A-Za-z0-9]+)$/.exec(location.hash);
  if (given) {
    sessionStorage.setItem(kept, given[1]);
    history.replaceState(null, "", location.pathname + "#/");
  }
  return sessionStorage.getItem(kept);
}

const headers = () => ({ "Stagger-Token": sessionStorage.getItem(kept) || "" });

export async function command(order) {
  let response;
  try {
    response = await fetch("/api/command", {
      method: "POST", body: JSON.stringify(order), headers: { ...headers(), "Content-Type": "application/json" },
    });
  } catch {
    throw new Error("the dashboard does not answer; nothing is known of the command. Look before you give it again");
  }
  const said = await response.json();
  if (!response.ok) throw new Error(said.error);
  return said.done;
}

// report is the record of a release of a Service, as "markdown" or "json".
export async function report(namespace, name, number, as) {
  let response;
  try {
    response = await fetch("/api/report/" + encodeURIComponent(namespace) + "/" + encodeURIComponent(name) + "?number=" + number + "&as=" + as, { headers: headers() });
  } catch {
    throw new Error("the dashboard does not answer");
  }
  if (!response.ok) throw new Error((await response.json()).error);
  return response.text();
}

const silence = 25000; // longer than twice the beat of the server
const longest = 10000;

// Stream keeps one stream open. on(event, data) gets what comes; state({lost, text, at}) whether it is open.
export class Stream {
  constructor(path, on, state) {
    Object.assign(this, { path, on, state, tries: 0 });
    this.open();
  }

  async open() {
    clearTimeout(this.timer);
    const stop = (this.stop = new AbortController());
    try {
      const response = await fetch(this.path, { headers: headers(), signal: stop.signal });
      if (response.status === 401) return this.end("This page belongs to a dashboard that has ended. Open the address that kubectl stagger dashboard printed last.");
      if (!response.ok) throw new Error((await response.json()).error);
      await this.read(response.body.getReader(), stop);
    } catch (error) {
      if (!this.closed && this.stop === stop) this.again(error);
      return;
    }
    if (!this.closed && this.stop === stop) this.again();
  }

  async read(reader, stop) {
    const decoder = new TextDecoder();
    let rest = "";
    for (;;) {
      const watchdog = setTimeout(() => stop.abort(), silence);
      const { done, value } = await reader.read().finally(() => clearTimeout(watchdog));
      if (done || this.closed) return;
      if (this.tries >= 0) {
        this.tries = 0;
        this.state({ lost: false });
      }
      const parts = (rest + decoder.decode(value, { stream: true })).split("\n\n");
      rest = parts.pop();
      for (const part of parts) {
        const found = /^event: (\w+)\ndata: (.*)$/s.exec(part);
        if (found) this.on(found[1], JSON.parse(found[2]));
      }
    }
  }

  again(error) {
    const wait = Math.min(longest, 500 * 2 ** this.tries++) * (0.8 + 0.4 * Math.random());
    const why = error instanceof TypeError || !error || error.name === "AbortError" ? "" : " (" + error.message + ")";
    this.state({ lost: true, retry: true, text: "The connection to the dashboard is lost" + why +
      ". What is shown may be old. It is tried again by itself; if kubectl stagger dashboard has ended, start it anew." });
    this.timer = setTimeout(() => this.open(), wait);
  }

  end(text) {
    this.closed = true;
    this.state({ lost: true, text });
  }

  close() {
    this.closed = true;
    clearTimeout(this.timer);
    if (this.stop) this.stop.abort();
  }
}
