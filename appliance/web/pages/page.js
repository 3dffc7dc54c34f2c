// The handheld page: one question at a time, in conversations.

import { askStore, fetchExamples, fetchHealth, Problem } from "./ask.js";
import { $, el } from "./dom.js";
import { Late } from "./late.js";
import { isProductNumber, openProduct } from "./product.js";
import { recall } from "./recall.js";
import { openReceipt, openSource } from "./sheet.js";
import { isDemo, leave, openDoor } from "./signin.js";
import { Talks } from "./talks.js";
import { progress, TurnView } from "./turn.js";

const MOST_RETRIES = 3;
const talks = new Talks();
const views = new Map(); // turn -> its view, for the conversation on screen
const form = $("#ask");
const box = $("#text");
const role = $("#role");
let me = null; // who is signed in
const late = new Late(talks, {
  changed: (talk) => { talks.save(); if (talk === talks.current) views.forEach((view) => view.update()); },
  open: showLate,
});
const wide = matchMedia("(min-width: 64rem)");
const hasKeys = matchMedia("(pointer: fine)");

// ── asking ──────────────────────────────────────────────────────────────────────────────────

function submit(text) {
  const talk = talks.current;
  if (!text || talk.turns.at(-1)?.isRunning) return;
  const turn = { text, role: askedAs(), sentences: [] };
  talk.title ||= text;
  talk.turns.push(turn);
  talks.keep(talk);
  draw();
  views.get(turn).element.scrollIntoView({ block: "start" });
  run(talk, turn);
}

// Only the demo chooses whom it asks as; anyone else asks as who they are.
const askedAs = () => (isDemo(me) ? role.value : undefined);

// A scanner types the number on a box and presses Enter; what is no product is a question.
async function scan(number) {
  if (!(await openProduct(number, askedAs(), askAbout))) submit(number);
}

function askAbout(sku) {
  box.value = `${sku}: `;
  fit();
  box.focus();
}

async function run(talk, turn, retries = 0) {
  Object.assign(turn, { isRunning: true, isRecalled: false, sentences: [], problem: null, reply: null, retryIn: 0, progress: "Reading the question…" });
  refresh(turn);
  try {
    for await (const event of askStore({ text: turn.text, role: turn.role, thread: talk.thread })) {
      hear(talk, turn, event);
      refresh(turn);
    }
  } catch (error) {
    // A fault of this page's own is told as one, and stays visible to who debugs it.
    if (!(error instanceof Problem)) console.error(error);
    turn.problem = error instanceof Problem ? error : new Problem({ code: "bug" });
  }
  turn.isRunning = false;
  talks.save();
  refresh(turn);
  late.wait();
  if (turn.problem?.retryAfter && retries < MOST_RETRIES) await waitThenRun(talk, turn, retries + 1);
}

function hear(talk, turn, { name, data }) {
  if (name === "route" || name === "sources") turn.progress = progress({ name, data });
  if (name === "route") {
    talk.thread = data.thread;
    turn.id = data.id;
    talks.save();
  }
  if (name === "sentence") turn.sentences.push({ text: data.text });
  if (name === "done") {
    turn.reply = data;
    turn.sentences = data.sentences.map(({ text }) => ({ text }));
    talk.thread = data.thread;
  }
}

async function waitThenRun(talk, turn, retries) {
  const problem = turn.problem;
  for (turn.retryIn = problem.retryAfter; turn.retryIn > 0; turn.retryIn -= 1) {
    refresh(turn);
    await new Promise((go) => setTimeout(go, 1000));
    if (turn.problem !== problem) return; // "Try again" was tapped meanwhile
    if (!talks.all.includes(talk)) return; // its asker has left
  }
  await run(talk, turn, retries);
}

// ── drawing ─────────────────────────────────────────────────────────────────────────────────

function draw() {
  const { current } = talks;
  views.clear();
  for (const turn of current.turns) {
    const again = () => turn.isRunning || run(current, turn);
    views.set(turn, new TurnView(turn, { openSource, openReceipt, again, ask: submit, keep: () => talks.save() }));
  }
  $("#turns").replaceChildren(...[...views.values()].map((view) => view.element));
  $("#start").hidden = current.turns.length > 0;
  drawList();
  drawForm();
}

function refresh(turn) {
  views.get(turn)?.update();
  drawForm();
}

function drawForm() {
  const { turns } = talks.current;
  const isRunning = turns.at(-1)?.isRunning === true;
  form.querySelector(".go").setAttribute("aria-disabled", String(isRunning));
  box.placeholder = turns.length ? "Ask a follow-up" : "Your question";
}

async function reread(talk) {
  draw();
  await recall(talk, () => { if (talks.current === talk) draw(); });
  if (talks.all.includes(talk)) talks.save();
}

// The conversation of a late answer, also where this tab has never seen it.
async function showLate(answer) {
  const talk = talks.all.find(({ thread }) => thread === answer.thread) ?? { thread: answer.thread, title: answer.asked, turns: [] };
  talks.open(talk);
  talks.keep(talk);
  leaveList();
  await reread(talk);
  for (const [turn, view] of views) if (turn.reply?.id === answer.reply) view.element.scrollIntoView({ block: "start" });
}

function drawList() {
  const rows = talks.all.map((talk) => el("li", {}, el("button", {
    type: "button", class: "talk", "aria-current": talk === talks.current ? "true" : null,
    onclick: () => { talks.open(talk); leaveList(); reread(talk); scrollTo(0, document.body.scrollHeight); },
  }, talk.title)));
  $("#list").replaceChildren(...rows);
}

// ── the conversations' rail: a drawer on a handheld, always there on a wide screen ──────────

function enterList() {
  document.body.classList.add("has-list");
  setInert();
  $("#close-list").focus();
  drawHealth();
}

function leaveList() {
  const wasOpen = document.body.classList.contains("has-list");
  document.body.classList.remove("has-list");
  setInert();
  if (wasOpen) $("#open-list").focus();
}

function setInert() {
  const isOpen = document.body.classList.contains("has-list");
  $("#rail").inert = !wide.matches && !isOpen;
  for (const part of [$("main"), $(".top"), form]) part.inert = !wide.matches && isOpen;
}

function fit() {
  box.style.height = "auto";
  box.style.height = `${box.scrollHeight}px`;
}

async function drawExamples() {
  const rows = (await fetchExamples()).map((text) => el("li", {}, el("button", { type: "button", class: "example", onclick: () => submit(text) }, text)));
  $("#examples").replaceChildren(...rows);
}

async function drawHealth() {
  const health = await fetchHealth();
  const line = health?.line === "not configured" ? "No line to headquarters: answers come from this store alone." : "";
  $("#status").textContent = health ? [`Store ${health.store}.`, health.ready ? "" : "Not ready yet.", line].filter(Boolean).join(" ") : "The store’s server does not answer.";
}

// ── hands ───────────────────────────────────────────────────────────────────────────────────

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const text = box.value.trim();
  if (!text || talks.current.turns.at(-1)?.isRunning) return;
  box.value = "";
  fit();
  if (!hasKeys.matches) box.blur(); // the keyboard on the screen would hide the answer
  if (isProductNumber(text)) scan(text);
  else submit(text);
});
box.addEventListener("input", fit);
box.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  form.requestSubmit();
});
for (const button of document.querySelectorAll(".new")) {
  button.addEventListener("click", () => { talks.start(); leaveList(); draw(); box.focus(); });
}
$("#open-list").addEventListener("click", enterList);
$("#close-list").addEventListener("click", leaveList);
document.addEventListener("keydown", (event) => { if (event.key === "Escape") leaveList(); });
document.addEventListener("click", (event) => {
  if (document.body.classList.contains("has-list") && !event.target.closest("#rail, #open-list")) leaveList();
});
wide.addEventListener("change", leaveList);

$("#leave").addEventListener("click", () => { late.end(); talks.forget(); leaveList(); leave(); });
document.addEventListener("turned-away", () => { late.end(); leaveList(); $("#sheet").close(); openDoor(); });

function entered(who) {
  me = who;
  talks.belongTo(`${me.device} ${me.name}`);
  $("#as").hidden = !isDemo(me);
  $("#who").hidden = $("#leave").hidden = isDemo(me);
  $("#to-manager").hidden = !isDemo(me) && me.role !== "manager";
  $("#who").textContent = `${me.name}, ${me.role}`;
  reread(talks.current);
  setInert();
  drawExamples();
  drawHealth();
  late.begin();
  if (hasKeys.matches) box.focus();
}

openDoor(entered);
