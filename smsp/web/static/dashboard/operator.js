// An operator's orders: hold a circuit open or closed, and let it go again. Always asks first.

import { byId, put, show } from "./dom.js";

const EFFECTS = {
  open: {
    title: (name) => `Hold ${name} open?`,
    effect: (name) => `No mail goes to ${name}; it takes the next provider, if there is one.`,
    confirm: "Hold open",
  },
  closed: {
    title: (name) => `Hold ${name} closed?`,
    effect: (name) => `Mail goes to ${name} even while it fails: nothing opens the circuit.`,
    confirm: "Hold closed",
  },
  auto: {
    title: (name) => `Release ${name}?`,
    effect: () => "The circuit is its own again. If it was held open, a probe has to close it.",
    confirm: "Release",
  },
};

export class Operator {
  #dialog = byId("order");
  #keyOf;
  #order = null;

  constructor(keyOf) {
    this.#keyOf = keyOf;
    byId("order-cancel").addEventListener("click", () => this.#dialog.close());
    byId("order-confirm").addEventListener("click", () => this.#give());
  }

  ask(name, state) {
    const { title, effect, confirm } = EFFECTS[state];
    this.#order = { name, state };
    put(byId("order-title"), title(name));
    put(byId("order-effect"), effect(name));
    put(byId("order-confirm"), confirm);
    put(byId("order-fault"), "");
    show(byId("order-for"), state !== "auto");
    this.#dialog.showModal();
    byId("order-cancel").focus();
  }

  async #give() {
    const { name, state } = this.#order;
    const chosen = this.#dialog.querySelector("input[name=for]:checked").value;
    const body = state !== "auto" && chosen ? { state, for: Number(chosen) } : { state };
    const button = byId("order-confirm");
    button.disabled = true;
    const fault = await this.#put(name, body);
    button.disabled = false;
    if (fault) put(byId("order-fault"), fault);
    else this.#dialog.close();
  }

  async #put(name, body) {
    // What is wrong, or nothing.
    try {
      const response = await fetch(`/providers/${encodeURIComponent(name)}/circuit`, {
        method: "PUT",
        headers: { "X-API-KEY": this.#keyOf(), "Content-Type": "application/json" },
        body: JSON.stringify(body),
      });
      return response.ok ? "" : (await response.json()).message;
    } catch {
      return "SMSP cannot be reached. The circuit is as it was.";
    }
  }
}
