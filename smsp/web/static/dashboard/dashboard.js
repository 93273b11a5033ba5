// The page: the key, the stream, one card for each circuit, and what holds for all of them.

import { Card } from "./card.js";
import { byId, put, set, show } from "./dom.js";
import { Operator } from "./operator.js";
import { Stream } from "./stream.js";
import * as words from "./words.js";

const KEY = "smsp-key"; // in the storage of this tab only
const TICK_MS = 200;
const SKEW_MS = 1_500; // the server's Date has whole seconds: less than this is no difference

const REFUSALS = {
  401: "This key is not known.",
  403: "This key does not have the scope observe.",
};

class Dashboard {
  #cards = new Map();
  #stream = null;
  #live = false;
  #heardAt = 0;
  #retryAt = 0;
  #skewMs = 0;
  #mayOperate = false;
  #operator = new Operator(() => sessionStorage.getItem(KEY));

  start() {
    byId("sign-in").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#watch(byId("key").value.trim());
    });
    byId("forget").addEventListener("click", () => this.#askForKey(""));
    window.addEventListener("online", () => this.#stream?.hurry());
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden) this.#stream?.hurry();
    });
    setInterval(() => this.#tick(), TICK_MS);
    const key = sessionStorage.getItem(KEY);
    if (key) this.#watch(key);
    else this.#askForKey("");
  }

  #askForKey(fault) {
    this.#stream?.stop();
    this.#stream = null;
    this.#live = false;
    sessionStorage.removeItem(KEY);
    this.#cards.clear();
    byId("cards").replaceChildren();
    for (const id of ["board", "connection", "forget", "node"]) show(byId(id), false);
    show(byId("sign-in"), true);
    document.title = "SMSP";
    put(byId("key-fault"), fault);
    set(byId("key"), "aria-invalid", fault !== "");
    byId("key").value = "";
    byId("key").focus();
  }

  #watch(key) {
    sessionStorage.setItem(KEY, key);
    put(byId("key-fault"), "");
    this.#retryAt = 0;
    this.#heardAt = 0;
    this.#stream = new Stream(key, {
      opened: (response) => this.#opened(response),
      snapshot: (data) => this.#saw(data.providers),
      lost: (waitMs) => this.#lost(waitMs),
      refused: (status) => this.#askForKey(REFUSALS[status]),
    });
    show(byId("connection"), true);
    this.#tick();
    this.#stream.run();
  }

  #opened(response) {
    const serverNow = Date.parse(response.headers.get("Date") ?? "") + 500;
    const skewMs = serverNow - Date.now();
    this.#skewMs = Math.abs(skewMs) > SKEW_MS ? skewMs : 0;
    const signedIn = !byId("sign-in").hidden;
    for (const id of ["board", "forget"]) show(byId(id), true);
    show(byId("sign-in"), false);
    if (signedIn) byId("main").focus();
    this.#learnAboutNode();
  }

  async #learnAboutNode() {
    try {
      const headers = { "X-API-KEY": sessionStorage.getItem(KEY) };
      const health = await (await fetch("/healthcheck", { headers, cache: "no-store" })).json();
      put(byId("node"), `${health.node}, version ${health.version}`);
      show(byId("node"), true);
      this.#mayOperate = health.scopes?.includes("operate") ?? false;
      for (const card of this.#cards.values()) card.mayOperate(this.#mayOperate);
    } catch {
      // The next connection asks again.
    }
  }

  #saw(providers) {
    const now = Date.now();
    this.#live = true;
    this.#heardAt = now;
    this.#keepCardsOf(providers.map((one) => one.name));
    const news = providers.map((one) => this.#cards.get(one.name).saw(one, now));
    const status = words.statusOf(providers.map((one) => one.state));
    put(byId("banner"), words.statusSentence(providers));
    set(byId("banner"), "data-status", status);
    document.title = status === "ok" ? "SMSP" : `${status === "down" ? "Down" : "Degraded"} \u2013 SMSP`;
    this.#announce(news.filter(Boolean).join(" "));
    this.#tick();
  }

  #lost(waitMs) {
    if (this.#live) this.#announce("The connection is lost. What you see is no longer current.");
    this.#live = false;
    this.#retryAt = Date.now() + waitMs;
    for (const card of this.#cards.values()) card.lost();
    this.#tick();
  }

  #keepCardsOf(names) {
    const list = byId("cards");
    if ([...this.#cards.keys()].join() === names.join()) return;
    const kept = this.#cards;
    this.#cards = new Map(
      names.map((name) => [name, kept.get(name) ?? new Card(name, (...order) => this.#operator.ask(...order))]),
    );
    for (const card of this.#cards.values()) card.mayOperate(this.#mayOperate);
    list.style.setProperty("--count", names.length);
    list.replaceChildren(...[...this.#cards.values()].map((card) => card.element));
  }

  #announce(text) {
    if (text) put(byId("announcer"), text);
  }

  #tick() {
    const now = Date.now();
    for (const card of this.#cards.values()) card.tick(now, now + this.#skewMs, this.#live);
    const connection = byId("connection");
    set(connection, "data-live", this.#live);
    set(byId("board"), "data-stale", !this.#live);
    put(connection, this.#connectionSentence(now));
  }

  #connectionSentence(now) {
    if (this.#live) return "Live";
    if (!this.#retryAt) return "Connecting\u2026";
    const waitMs = this.#retryAt - now;
    const next = waitMs > 0 ? `next try in ${words.span(waitMs + 999)}` : "trying";
    const age = this.#heardAt ? `Stale: ${words.span(now - this.#heardAt)} old` : "No connection";
    return `${age}, ${next}`;
  }
}

new Dashboard().start();
