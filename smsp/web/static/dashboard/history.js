// The last five minutes of one circuit as this page has seen them, in slices of five seconds.
// A slice in which the page was not connected holds nothing, and is drawn as a gap.

export const SLICE_MS = 5_000;
export const SLICES = 60;

const CALLS = ["sent", "rejected", "not_sent", "unknown"];

export class History {
  #slices = [];
  #calls = null;
  #unbroken = false;

  // The circuit as it is now.
  saw(snapshot, now) {
    const calls = CALLS.reduce((sum, word) => sum + snapshot.counts[word], 0);
    const slice = this.cover(now);
    // Fewer than before: the server has been started anew.
    if (this.#calls !== null && calls > this.#calls) slice.calls += calls - this.#calls;
    this.#calls = calls;
    slice.latency = snapshot.latency_seconds;
  }

  // We are connected, so that no news means that nothing has happened.
  cover(now) {
    const number = Math.floor(now / SLICE_MS);
    let last = this.#slices.at(-1);
    if (last && last.number >= number) return last;
    // A tab in the background is seldom given time: what it slept through was quiet all the same.
    const from = last && this.#unbroken ? last.number + 1 : number;
    for (let each = Math.max(from, number - SLICES + 1); each <= number; each += 1) {
      last = { number: each, calls: 0, latency: last?.latency ?? null };
      this.#slices.push(last);
    }
    while (this.#slices[0].number < number - SLICES) this.#slices.shift();
    this.#unbroken = true;
    return last;
  }

  // The connection broke: what happened since is unknown.
  lost() {
    this.#calls = null;
    this.#unbroken = false;
  }

  // Calls a second in the slices that are over; null where nothing is known.
  rates(now) {
    return this.#line(now - SLICE_MS, (slice) => (slice.calls * 1000) / SLICE_MS);
  }

  latencies(now, quantile) {
    return this.#line(now, (slice) => slice.latency?.[quantile] ?? null);
  }

  #line(now, valueOf) {
    const first = Math.floor(now / SLICE_MS) - SLICES + 1;
    const line = new Array(SLICES).fill(null);
    for (const slice of this.#slices) {
      const place = slice.number - first;
      if (place >= 0 && place < SLICES) line[place] = valueOf(slice);
    }
    return line;
  }
}
