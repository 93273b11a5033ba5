// One circuit as a card. A card changes only what has changed.

import { byId, make, partsOf, put, set, show } from "./dom.js";
import { History } from "./history.js";
import { Sparkline } from "./sparkline.js";
import * as words from "./words.js";

const MOVES_SHOWN = 12;

export class Card {
  #history = new History();
  #snapshot = null;
  #moves = "";
  #throughput;
  #latency;

  // `order(name, state)` is called when somebody presses one of the buttons.
  constructor(name, order) {
    this.element = byId("card").content.firstElementChild.cloneNode(true);
    this.parts = partsOf(this.element);
    const title = `circuit-${name}`;
    this.parts.name.id = title;
    this.element.firstElementChild.setAttribute("aria-labelledby", title);
    this.element.dataset.name = name;
    put(this.parts.name, name);
    this.#throughput = new Sparkline(this.parts["throughput-chart"]);
    this.#latency = new Sparkline(this.parts["latency-chart"]);
    for (const [part, state, label] of [
      ["hold-open", "open", `Hold open: ${name}`],
      ["hold-closed", "closed", `Hold closed: ${name}`],
      ["release", "auto", `Release: ${name}`],
    ]) {
      this.parts[part].setAttribute("aria-label", label);
      this.parts[part].addEventListener("click", () => order(name, state));
    }
  }

  // The circuit as it is now. Returns what there is to announce, if anything.
  saw(snapshot, now) {
    const before = this.#snapshot;
    this.#snapshot = snapshot;
    this.#history.saw(snapshot, now);
    this.#showState(snapshot);
    this.#showLoad(snapshot);
    this.#showCounts(snapshot);
    this.#showPast(snapshot);
    if (before === null || before.state === snapshot.state) return "";
    return `${snapshot.name} is ${words.nameOf(snapshot.state).toLowerCase()}: ${words.spoken(snapshot.reason)}.`;
  }

  lost() {
    this.#history.lost();
  }

  mayOperate(may) {
    show(this.parts.orders, may);
  }

  // What changes with time alone. `serverNow` is the server's time of day.
  tick(now, serverNow, live) {
    const snapshot = this.#snapshot;
    if (snapshot === null) return;
    put(this.parts.for, words.span(serverNow - new Date(snapshot.since)));
    this.#showNext(snapshot, serverNow, live);
    if (live) this.#history.cover(now);
    this.#drawThroughput(now);
    this.#drawLatency(now);
  }

  #showState(snapshot) {
    const { state } = snapshot;
    set(this.element, "data-state", state);
    put(this.parts.kind, snapshot.kind === snapshot.name ? "" : snapshot.kind);
    put(this.parts.state, words.nameOf(state));
    put(this.parts.meaning, words.meaningOf(state));
    put(this.parts.reason, `${sentence(words.spoken(snapshot.reason))}.`);
    put(this.parts.since, words.moment(snapshot.since));
    set(this.parts.since, "datetime", snapshot.since);
    const held = state.startsWith("held") || state === "quarantined";
    show(this.parts.release, held);
    show(this.parts["hold-open"], state !== "held_open");
    show(this.parts["hold-closed"], state !== "held_closed");
  }

  #showNext(snapshot, serverNow, live) {
    show(this.parts.next, snapshot.state === "open");
    if (snapshot.state !== "open") return;
    const waitMs = snapshot.next_probe_at ? new Date(snapshot.next_probe_at) - serverNow : 0;
    const waits = live && waitMs > 0;
    put(this.parts["next-label"], waits ? "Next probe in" : live ? "Probing now" : "Next probe");
    put(this.parts.countdown, waits ? words.countdown(waitMs) : live ? "\u2026" : "unknown");
  }

  #showLoad(snapshot) {
    const { in_flight: calls, settling, limit, max_in_flight: most } = snapshot;
    const waited = calls - settling;
    put(this.parts["in-flight"], words.number(waited));
    put(this.parts.limit, words.number(limit));
    set(this.parts.bar, "aria-valuemax", limit);
    set(this.parts.bar, "aria-valuenow", Math.min(waited, limit));
    this.parts.bar.style.setProperty("--share", limit ? Math.min(1, waited / limit) : 0);
    const notes = [];
    if (limit < most) notes.push(`the limit grows to ${words.number(most)}`);
    if (settling) notes.push(`${words.number(settling)} settling`);
    put(this.parts["load-note"], notes.length ? sentence(notes.join("; ")) : "");
  }

  #showCounts(snapshot) {
    for (const [word, count] of Object.entries(snapshot.counts)) {
      put(this.parts[word], words.compact(count));
      set(this.parts[word], "data-zero", count === 0);
    }
    for (const quantile of ["p50", "p90", "p99"]) {
      put(this.parts[quantile], words.duration(snapshot.latency_seconds[quantile]));
    }
    put(this.parts.restarts, words.number(snapshot.restarts));
    set(this.parts.restarts, "data-zero", snapshot.restarts === 0);
    const { depth, capacity } = snapshot.mailbox;
    put(this.parts.mailbox, `${words.number(depth)} of ${words.number(capacity)}`);
  }

  #showPast(snapshot) {
    const { last_probe: probe, last_failure: failure, transitions } = snapshot;
    put(
      this.parts["last-probe"],
      probe
        ? `${words.spoken(probe.outcome)} at ${words.moment(probe.at)}, ${words.duration(probe.seconds)}`
        : "none",
    );
    put(
      this.parts["last-failure"],
      failure ? `${words.spoken(failure.reason)} at ${words.moment(failure.at)}` : "none",
    );
    const moves = `${snapshot.epoch}:${transitions.length}`;
    if (moves === this.#moves) return;
    this.#moves = moves;
    put(this.parts.moves, transitions.length ? transitions.length : "none");
    const shown = transitions.slice(-MOVES_SHOWN).reverse().map(moveItem);
    this.parts.transitions.replaceChildren(...shown);
    show(this.parts.transitions, shown.length > 0);
  }

  #drawThroughput(now) {
    const rates = this.#history.rates(now);
    // The last of them and the highest: of one kind, so that the peak is never below what is now.
    const rate = words.rate(rates.at(-1));
    const most = words.rate(Math.max(...rates, 0));
    put(this.parts.throughput, rate);
    put(this.parts.peak, most);
    this.#throughput.draw(rates, [], `Throughput in the last five minutes: now ${rate}, at most ${most}`);
  }

  #drawLatency(now) {
    const half = this.#history.latencies(now, "p50");
    const most = this.#history.latencies(now, "p99");
    const latest = words.duration(this.#snapshot.latency_seconds.p50);
    const worst = words.duration(Math.max(...most) || null);
    this.#latency.draw(half, most, `Latency in the last five minutes: median now ${latest}, p99 at most ${worst}`);
  }
}

const sentence = (text) => text.charAt(0).toUpperCase() + text.slice(1);

function moveItem(move) {
  const item = document.createElement("li");
  item.dataset.state = move.to;
  item.append(
    make("time", words.moment(move.at), { datetime: move.at }),
    make("strong", words.nameOf(move.to)),
    make("span", words.spoken(move.reason)),
  );
  return item;
}
