// A line of the last five minutes as SVG. Its text says the same for those who do not see it.

import { set } from "./dom.js";

const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 240;
const HEIGHT = 48;
const TOP = 4;
const BOTTOM = HEIGHT - 2;

export class Sparkline {
  #svg = node("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img" });
  #ground = node("path", { class: "ground", d: `M0 ${BOTTOM}H${WIDTH}` });
  #area = node("path", { class: "area" });
  #line = node("path", { class: "line" });
  #upper = node("path", { class: "upper" });

  constructor(place) {
    this.#svg.append(this.#ground, this.#area, this.#upper, this.#line);
    place.append(this.#svg);
  }

  // `values` and, above them, `upper`: one for each slice of time, null where nothing is known.
  draw(values, upper, label) {
    const highest = Math.max(...values, ...upper, Number.MIN_VALUE);
    const runs = runsOf(values, highest);
    set(this.#line, "d", runs.map(lineOf).join(""));
    set(this.#area, "d", runs.map(areaOf).join(""));
    set(this.#upper, "d", runsOf(upper, highest).map(lineOf).join(""));
    set(this.#svg, "aria-label", label);
  }
}

function node(name, attributes) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}

function runsOf(values, highest) {
  // Unbroken stretches of points.
  const runs = [];
  let run = null;
  values.forEach((value, index) => {
    if (value === null) {
      run = null;
      return;
    }
    if (run === null) runs.push((run = []));
    const x = (index * WIDTH) / (values.length - 1);
    run.push([x.toFixed(1), (BOTTOM - (value / highest) * (BOTTOM - TOP)).toFixed(1)]);
  });
  return runs;
}

function lineOf(run) {
  // A single point is drawn as a short dash.
  const points = run.length > 1 ? run : [run[0], [(Number(run[0][0]) + 2).toFixed(1), run[0][1]]];
  return `M${points.map((point) => point.join(" ")).join("L")}`;
}

function areaOf(run) {
  return `${lineOf(run)}V${BOTTOM}H${run[0][0]}Z`;
}
