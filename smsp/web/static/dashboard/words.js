// How numbers, times and the words of the API are put for people.

const count = new Intl.NumberFormat("en-GB");
const short = new Intl.NumberFormat("en-GB", { notation: "compact", maximumFractionDigits: 1 });
const clock = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium" });
const day = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "medium" });

const STATES = {
  closed: ["Closed", "Takes mail."],
  open: ["Open", "Takes no mail."],
  held_open: ["Held open", "Takes no mail."],
  held_closed: ["Held closed", "Takes mail, whatever happens."],
  quarantined: ["Quarantined", "Takes no mail."],
};

const REASONS = { operator: "by an operator" };

const DAY_MS = 86_400_000;

export const nameOf = (state) => STATES[state]?.[0] ?? state;
export const meaningOf = (state) => STATES[state]?.[1] ?? "";
export const takesMail = (state) => state === "closed" || state === "held_closed";
export const spoken = (word) => REASONS[word] ?? word.replaceAll("_", " ");
export const number = (value) => count.format(value);
export const compact = (value) => (value < 100_000 ? count.format(value) : short.format(value));
export const plural = (value, one, many) => `${count.format(value)} ${value === 1 ? one : many}`;

export function moment(text, now = Date.now()) {
  const at = new Date(text);
  return (Math.abs(now - at) < DAY_MS ? clock : day).format(at);
}

export function span(ms) {
  // A length of time, in its two largest units.
  const s = Math.max(0, Math.floor(ms / 1000));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`;
  if (s < 86_400) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
  return `${Math.floor(s / 86_400)} d ${Math.floor((s % 86_400) / 3600)} h`;
}

export function countdown(ms) {
  return ms < 10_000 ? `${(Math.max(0, ms) / 1000).toFixed(1)} s` : span(ms);
}

export function duration(seconds) {
  if (seconds === null || seconds === undefined) return "\u2013";
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  return `${seconds.toFixed(seconds < 10 ? 2 : 1)} s`;
}

export function rate(perSecond) {
  if (perSecond === null) return "\u2013";
  if (perSecond === 0) return "0/s";
  if (perSecond < 0.95) return `${count.format(Math.max(1, Math.round(perSecond * 60)))}/min`;
  return `${perSecond < 9.95 ? perSecond.toFixed(1) : count.format(Math.round(perSecond))}/s`;
}

export function statusOf(states) {
  const taking = states.filter(takesMail).length;
  if (taking === 0) return "down";
  return taking === states.length ? "ok" : "degraded";
}

export function statusSentence(providers) {
  const shut = providers.filter((one) => !takesMail(one.state)).map((one) => one.name);
  switch (statusOf(providers.map((one) => one.state))) {
    case "ok":
      return providers.length === 1 ? "The circuit takes mail." : "All circuits take mail.";
    case "down":
      return "Down: no circuit takes mail. Callers are told that nothing was sent.";
    default: {
      const take = shut.length === 1 ? "takes" : "take";
      const rest = plural(providers.length - shut.length, "other does", "others do");
      return `Degraded: ${list(shut)} ${take} no mail. ${rest}.`;
    }
  }
}

function list(names) {
  if (names.length < 2) return names.join("");
  return `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
}
