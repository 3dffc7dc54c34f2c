// The sheet from below: a passage with the cited words marked, or a reply's receipt.

import { fetchPassage } from "./ask.js";
import { $, el, localDay, localTime } from "./dom.js";
import { LANES } from "./turn.js";

const sheet = $("#sheet");
const title = $("#sheet-title");
const body = $("#sheet-body");

export const close = () => sheet.close();
$("#close-sheet").addEventListener("click", close);
sheet.addEventListener("click", (event) => {
  if (event.target === sheet) sheet.close(); // a tap beside the sheet
});

/** Open the sheet, or fill it anew when it is open. */
export function show(heading, kind, ...children) {
  title.textContent = heading;
  sheet.dataset.kind = kind;
  body.replaceChildren(...children);
  if (!sheet.open) sheet.showModal();
  body.scrollTop = 0;
}

/** Open a passage and show the stretches that the answer rests on. */
export async function openSource(source, turn) {
  const [heading] = source.title.split(" › ");
  if (source.id.startsWith("card:")) {
    show(heading, "passage", ...cardParts(turn.reply));
    return;
  }
  show(heading, "passage", el("p", { class: "soft" }, "Opening the passage…"));
  try {
    const passage = await fetchPassage(source.id, turn.role);
    show(heading, "passage", ...passageParts(passage, source.ranges));
    body.querySelector("mark")?.scrollIntoView({ block: "center" });
  } catch (problem) {
    const gone = problem.code === "unreachable";
    const text = gone ? "The store’s server does not answer. Check the Wi-Fi, then tap the source again." : `${problem.message} ${problem.hint}`;
    show(heading, "passage", el("p", {}, text));
  }
}

// A card is said whole, so the reply holds all there is to open.
function cardParts(reply) {
  return [
    el("p", { class: "passage" }, el("mark", {}, reply.text)),
    el("p", { class: "soft" }, "An answer card: headquarters approved it word for word, and this is all of it."),
  ];
}

function passageParts(passage, ranges) {
  const path = passage.title.split(" › ").slice(1).join(" › ");
  return [
    path ? el("h3", {}, path) : "",
    el("p", { class: "passage" }, marked(passage.text, ranges)),
    el("p", { class: "soft passage-foot" }, [passage.department, inForce(passage)].filter(Boolean).join(" · ")),
  ];
}

function inForce({ effective_from: from, effective_to: to }) {
  if (from && to) return `in force ${localDay(from)} to ${localDay(to)}`;
  if (from) return `in force since ${localDay(from)}`;
  return to ? `in force until ${localDay(to)}` : "";
}

// Offsets count code points, as the store does; JavaScript's own count UTF-16 units, and one 😀
// before the cited words would shift the mark by one.
export function marked(text, ranges) {
  const points = Array.from(text);
  const parts = [];
  let at = 0;
  for (const [start, end] of [...ranges].sort((a, b) => a[0] - b[0])) {
    const from = Math.max(start, at);
    if (end <= from) continue;
    parts.push(points.slice(at, from).join(""), el("mark", {}, points.slice(from, end).join("")));
    at = end;
  }
  return [...parts, points.slice(at).join("")];
}

/** Open a reply's receipt. */
export function openReceipt(reply) {
  const [lane] = LANES[reply.lane] ?? [reply.lane];
  show("Receipt", "receipt",
    el("dl", { class: "lines" },
      line("answered by", lane),
      line("sure", `${Math.round(reply.confidence * 100)} %`),
      reply.model ? line("model", reply.model) : "",
      line("release", reply.release),
      line("asked at", localTime(reply.asked_at)),
      line("question kind", reply.intent.replaceAll("_", " ")),
    ),
    part("Time", timeBars(reply.times_ms)),
    part("Lanes tried", el("ol", { class: "steps" }, reply.attempts.map(attempt))),
    part("Rules", policyList(reply.policies)),
    part("Checks", el("p", {}, checkText(reply.checks))),
    el("dl", { class: "lines" }, line("reply", reply.id), reply.entry ? line("journal", `${reply.entry.slice(0, 12)}…`) : ""),
  );
}

function line(name, value) {
  return el("div", {}, el("dt", {}, name), el("dd", {}, value));
}

function part(heading, content) {
  return el("section", {}, el("h3", {}, heading), content);
}

function timeBars(times) {
  const entries = Object.entries(times);
  const total = entries.reduce((sum, [, ms]) => sum + ms, 0);
  const longest = Math.max(...entries.map(([, ms]) => ms), 0.001);
  const rows = entries.map(([stage, ms]) => {
    const bar = el("span", { class: "bar", "aria-hidden": "true" });
    bar.style.setProperty("--share", `${Math.max(1, (ms / longest) * 100)}%`);
    return el("div", { class: "time" }, el("dt", {}, stage.replaceAll("_", " ")), el("dd", {}, `${round(ms)} ms`), bar);
  });
  return el("dl", { class: "times" }, rows, el("div", { class: "time total" }, el("dt", {}, "in all"), el("dd", {}, `${round(total)} ms`)));
}

const round = (ms) => (ms >= 10 ? Math.round(ms).toString() : ms.toFixed(1));

function attempt({ lane, outcome, why }) {
  const [name] = LANES[lane] ?? [lane];
  return el("li", {}, el("b", {}, name), ` ${outcome}`, why ? el("span", { class: "soft" }, ` · ${why}`) : "");
}

function policyList(policies) {
  if (!policies.length) return el("p", {}, "None spoke.");
  return el("ul", { class: "steps" }, policies.map(({ rule, effect, message, why }) =>
    el("li", {}, el("b", {}, effect), ` ${rule}`,
      message ? el("span", { class: "soft" }, ` · ${message}`) : "",
      why ? el("span", { class: "soft" }, ` · why: ${why}`) : "")));
}

function checkText(checks) {
  const said = ["pass", "mend", "fail"].map((outcome) => [checks.filter((check) => check.outcome === outcome).length, outcome]);
  return said.filter(([count]) => count).map(([count, outcome]) => `${count} ${outcome}`).join(", ") || "None were needed.";
}
