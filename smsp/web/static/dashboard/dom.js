// Small pieces of DOM work. Text goes in as text, never as HTML: the page's policy forbids that.

export const byId = (id) => document.getElementById(id);

export function put(element, text) {
  // Writing the same text again would be work for nothing, also for a screen reader.
  const written = String(text);
  if (element.textContent !== written) element.textContent = written;
}

export function show(element, shown) {
  if (element.hidden === shown) element.hidden = !shown;
}

export function set(element, name, value) {
  const written = String(value);
  if (element.getAttribute(name) !== written) element.setAttribute(name, written);
}

export function make(name, text, attributes = {}) {
  const element = document.createElement(name);
  element.textContent = text;
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}

export function partsOf(element) {
  // Every element that has a part in its template, by the name of the part.
  const named = [...element.querySelectorAll("[data-is]")];
  return Object.fromEntries(named.map((one) => [one.dataset.is, one]));
}
