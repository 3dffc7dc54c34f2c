// Small line plots of the last hour, in SVG built element by element.

import { el } from "./dom.js";

const WIDTH = 300;
const HEIGHT = 80;
const HOUR_MS = 3_600_000;

function svg(name, attributes, ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

/**
 * Draw one plot.
 *
 * `series` is [{name, of}], where `of` takes a minute's value, null for a gap; the first is drawn
 * boldest. `said` puts a value into words; `floor` is the least height of the axis.
 */
export function plot(title, minutes, { now, series, said, floor = 1 }) {
  const points = minutes.map((minute) => ({
    x: WIDTH * Math.min(1, Math.max(0, 1 - (now - Date.parse(minute.at)) / HOUR_MS)),
    values: series.map(({ of }) => of(minute)),
  }));
  const top = Math.max(floor, ...points.flatMap(({ values }) => values.filter((value) => value !== null)));
  const lines = series.map((_, n) => svg("path", { class: "line", d: path(points, n, top) }));
  const latest = points.map(({ values }) => values[0]).filter((value) => value !== null).at(-1);
  const label = `${title}, last hour: at most ${said(top)}${latest === undefined ? "" : `, now ${said(latest)}`}`;
  return el("figure", { class: "plot" },
    el("figcaption", {}, el("span", {}, title), series.length > 1
      ? el("span", { class: "keys" }, series.map(({ name }) => el("span", { class: "key" }, name)))
      : el("span", {}, latest === undefined ? "none yet" : said(latest))),
    svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img", "aria-label": label },
      svg("path", { class: "axis", d: `M0 ${HEIGHT}H${WIDTH}` }), ...lines),
    el("p", { class: "plot-foot" }, el("span", {}, "an hour ago"), el("span", {}, `top: ${said(top)}`), el("span", {}, "now")),
  );
}

// A gap breaks the line; a minute alone between gaps is a dot.
function path(points, n, top) {
  let isDown = false;
  return points.map(({ x, values }) => {
    const value = values[n];
    if (value === null) { isDown = false; return ""; }
    const at = `${x.toFixed(1)} ${(HEIGHT * (1 - value / top)).toFixed(1)}`;
    const step = isDown ? `L${at}` : `M${at}h0`;
    isDown = true;
    return step;
  }).join("");
}
