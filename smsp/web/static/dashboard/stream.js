// The stream of events, read with fetch() since EventSource cannot send a key. It reconnects by
// itself, later each time, and takes a stream that has gone silent for a broken one.

const ADDRESS = "/providers/events";
const SILENCE_MS_MAX = 20_000; // the server writes something every 15 s
const WAIT_MS_FIRST = 500;
const WAIT_MS_MAX = 15_000;

export class Stream {
  #key;
  #told;
  #ended = new AbortController();
  #hurry = () => {};

  // `told` has opened(response), snapshot(data), lost(waitMs) and refused(status).
  constructor(key, told) {
    this.#key = key;
    this.#told = told;
  }

  stop() {
    this.#ended.abort();
    this.#hurry();
  }

  hurry() {
    // Something suggests that waiting is over: the network is back, somebody looks at the page.
    this.#hurry();
  }

  async run() {
    let waitMs = WAIT_MS_FIRST;
    while (!this.#ended.signal.aborted) {
      const outcome = await this.#listen();
      if (this.#ended.signal.aborted) return;
      if (outcome.refused) {
        this.#told.refused(outcome.refused);
        return;
      }
      if (outcome.heard) waitMs = WAIT_MS_FIRST;
      // Half of the wait is chance, so that many pages do not come back all at once.
      const thisMs = waitMs * (0.5 + Math.random() / 2);
      this.#told.lost(thisMs);
      await this.#pause(thisMs);
      waitMs = Math.min(waitMs * 2, WAIT_MS_MAX);
    }
  }

  async #listen() {
    const outcome = { heard: false, refused: 0 };
    const attempt = new AbortController();
    const signal = AbortSignal.any([attempt.signal, this.#ended.signal]);
    const watchdog = new Watchdog(SILENCE_MS_MAX, () => attempt.abort());
    try {
      const headers = { "X-API-KEY": this.#key, Accept: "text/event-stream" };
      const response = await fetch(ADDRESS, { headers, signal, cache: "no-store" });
      if (response.status === 401 || response.status === 403) outcome.refused = response.status;
      if (response.ok) {
        this.#told.opened(response);
        for await (const event of eventsIn(response.body, () => watchdog.pat())) {
          if (event.name === "end") break;
          if (event.name === "snapshot") {
            outcome.heard = true;
            this.#told.snapshot(JSON.parse(event.data));
          }
        }
      }
    } catch {
      // Whatever broke, the answer is the same: come back later.
    } finally {
      watchdog.stop();
      attempt.abort();
    }
    return outcome;
  }

  #pause(ms) {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#hurry = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

class Watchdog {
  #ms;
  #bite;
  #timer;

  constructor(ms, bite) {
    this.#ms = ms;
    this.#bite = bite;
    this.pat();
  }

  pat() {
    this.stop();
    this.#timer = setTimeout(this.#bite, this.#ms);
  }

  stop() {
    clearTimeout(this.#timer);
  }
}

async function* eventsIn(body, heard) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    heard();
    const blocks = (text + value).split("\n\n");
    text = blocks.pop();
    for (const block of blocks) yield parsed(block);
  }
}

function parsed(block) {
  const event = { name: "", data: "" };
  for (const line of block.split("\n")) {
    if (line.startsWith("event: ")) event.name = line.slice(7);
    if (line.startsWith("data: ")) event.data += line.slice(6);
  }
  return event;
}
