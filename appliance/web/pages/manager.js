// The manager's page: how the store stands and how its last hour went, read again every few seconds.

import { $, el, localTime } from "./dom.js";
import { plot } from "./plot.js";

const EVERY_MS = 5000;
const LANES = { card: "Card", lookup: "Live data", specialist: "Specialist", generalist: "Headquarters", quote: "Quote", handoff: "Ask someone" };
const LEVELS = { calm: "Nothing presses this machine.", tight: "", critical: "" };
const STATES = { closed: "", half_open: "Being tried again, one ask at a time", open: "Resting" };

const count = (n) => n.toLocaleString();
const share = (s) => `${Math.round(s * 100)} %`;
const mebibytes = (n) => `${Math.round(n).toLocaleString()} MiB`;
const spoken = (name) => name.replaceAll("_", " ");

function time(ms) {
  if (ms === null) return "–";
  if (ms >= 1000) return `${(ms / 1000).toFixed(1)} s`;
  return `${ms >= 10 ? Math.round(ms) : ms.toFixed(ms >= 1 ? 1 : 2)} ms`;
}

async function refresh() {
  try {
    const response = await fetch("/v1/status", { headers: { Accept: "application/json" } });
    const plain = await response.json();
    if (response.ok) draw(plain);
    else notice(kindly(response.status, plain));
  } catch {
    notice("The store’s server does not answer. What stands below is from before.");
  }
}

function kindly(status, problem) {
  if (status === 401 || status === 403) return "This page is for a manager. Sign in as one on the store’s first page, then come back.";
  return `${problem.detail ?? "The store cannot tell."} ${problem.hint ?? ""}`;
}

function notice(text) {
  $("#notice").textContent = text;
  $("#notice").hidden = !text;
}

function draw(status) {
  notice(status.engine.is_alive ? "" : "The engine’s thread has died: restart the store’s server.");
  $("#where").textContent = `Store ${status.store}, release ${status.release}, up since ${localTime(status.began_at)}.`;
  drawLevel(status);
  drawFigures(status);
  drawPlots(status);
  drawLanes(status);
  drawStages(status.hour.together);
  drawMachine(status);
  drawErrors(status.hour.together.errors);
  $("#promise").textContent = status.promise ?? "";
  $("#promise-part").hidden = !status.promise;
}

// Read aloud only when it changes: the same words are not put in again.
function drawLevel({ level, why, sheds, calmer }) {
  const said = [level, why, calmer > 0];
  const part = $("#level");
  if (part.dataset.said === said.join("|")) return;
  part.dataset.said = said.join("|");
  part.dataset.level = level;
  part.replaceChildren(
    el("p", { class: "level-word" }, level),
    el("p", {}, why ? `${why[0].toUpperCase()}${why.slice(1)}.` : LEVELS[level]),
    ...(sheds.length ? [el("p", { class: "soft" }, `Not now: ${sheds.join(", ")}. ${calmer > 0 ? "It is easing; they come back by themselves." : "They come back by themselves."}`)] : []),
  );
}

function drawFigures({ queue, spool, hour: { together } }) {
  const errors = Object.values(together.errors).reduce((sum, n) => sum + n, 0);
  const rows = [
    ["asks, last hour", count(together.asks)],
    ["half of them within", time(together.p50_ms)],
    ["19 of 20 within", time(together.p95_ms)],
    ["answered by another lane", count(together.fallbacks)],
    ["without a reply", count(errors)],
    ["in hand now", `${queue.in_hand} of ${queue.limit}`],
    ["waiting for the model", count(queue.waiting)],
    ["owed to headquarters", spool.items === null ? "?" : count(spool.items)],
  ];
  $("#figures").replaceChildren(...rows.map(pair));
}

function drawPlots({ now, hour: { minutes } }) {
  const at = Date.parse(now);
  const times = [{ name: "19 of 20", of: (m) => m.p95_ms }, { name: "half", of: (m) => m.p50_ms }];
  const model = [{ name: "19 of 20", of: (m) => m.stages.model.p95_ms }, { name: "half", of: (m) => m.stages.model.p50_ms }];
  $("#plots").replaceChildren(
    plot("Time of an ask", minutes, { now: at, series: times, said: time, floor: 10 }),
    plot("Asks a minute", minutes, { now: at, series: [{ name: "asks", of: (m) => m.asks }], said: count }),
    plot("Time of the model", minutes, { now: at, series: model, said: time, floor: 10 }),
    plot("Waiting for the model", minutes, { now: at, series: [{ name: "waiting", of: (m) => m.most_waiting }], said: count }),
    plot("Memory of this process", minutes, { now: at, series: [{ name: "memory", of: (m) => m.process_mib || null }], said: mebibytes }),
    plot("Pressure", minutes, { now: at, series: [{ name: "level", of: (m) => m.level }], said: (n) => ["calm", "tight", "critical"][n], floor: 2 }),
  );
}

function drawLanes({ breakers, hour: { together } }) {
  const states = new Map(breakers.map((breaker) => [breaker.lane, breaker]));
  const total = Object.values(together.lanes).reduce((sum, n) => sum + n, 0) || 1;
  const names = Object.keys(LANES).filter((lane) => lane in together.lanes || states.has(lane));
  $("#lanes").replaceChildren(...names.map((lane) => {
    const answered = together.lanes[lane] ?? 0;
    return row(LANES[lane], `${count(answered)}, ${share(answered / total)}`, answered / total, breakerText(states.get(lane)));
  }));
}

function breakerText(breaker) {
  if (!breaker || breaker.state === "closed") return null;
  const wait = breaker.retry_in_s > 0 ? `, tried again in ${Math.ceil(breaker.retry_in_s)} s` : "";
  return el("span", { class: "state", "data-state": breaker.state }, `${STATES[breaker.state]}: ${breaker.why}${wait}`);
}

function drawStages({ stages, shares }) {
  $("#stages").replaceChildren(...Object.entries(stages).map(([name, { p50_ms: half, p95_ms: most }]) => {
    const part = shares[name];
    const told = part === undefined ? "beside the rest" : share(part);
    return row(spoken(name), `${told} · ${time(half)} · ${time(most)}`, part ?? 0);
  }));
}

function drawMachine({ vitals, engine, model }) {
  const known = [
    ["memory available", vitals.memory_available_share, share],
    ["disk free", vitals.disk_free_mib, mebibytes],
    ["processor", vitals.temperature_c, (c) => `${Math.round(c)} °C`],
    ["CPU used", vitals.cpu_share, share],
    ["CPU taken by other machines", vitals.steal_share, share],
  ].filter(([, value]) => value !== undefined).map(([name, value, said]) => [name, said(value)]);
  const rows = [...known, ["model", model], ["its memory in use", engine.cells ? share(engine.cells_reserved / engine.cells) : "none"]];
  $("#machine").replaceChildren(...rows.map(pair));
}

function drawErrors(errors) {
  const rows = Object.entries(errors);
  $("#errors-part").hidden = !rows.length;
  $("#errors").replaceChildren(...rows.map(([code, n]) => pair([spoken(code), count(n)])));
}

function pair([name, value]) {
  return el("div", {}, el("dt", {}, name), el("dd", {}, value));
}

function row(name, told, part, ...more) {
  const bar = el("span", { class: "bar", "aria-hidden": "true" });
  bar.style.setProperty("--share", `${part * 100}%`);
  return el("li", { class: "row" }, el("b", {}, name), el("span", {}, told), bar, more);
}

setInterval(() => { if (!document.hidden) refresh(); }, EVERY_MS);
document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh(); });
refresh();
