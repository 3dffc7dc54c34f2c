// A conversation read again from the store: a reload cuts the page off, but no answer is lost.

import { fetchThread, Problem } from "./ask.js";

const TRIES = 15; // an ask's own deadline is 10 s
const EVERY_MS = 1000;

/** Complete a conversation with what the store has of it; `draw()` shows each change. */
export async function recall(talk, draw) {
  for (const turn of waiting(talk)) Object.assign(turn, { isRunning: true, progress: "Reading the conversation again…" });
  if (waiting(talk).length) draw();
  for (let tries = 0; talk.thread && tries < TRIES; tries += 1) {
    const told = await fetchThread(talk.thread).catch(() => null);
    if (told && complete(talk, told.turns)) draw();
    if (!told || !waiting(talk).length) break;
    await new Promise((go) => setTimeout(go, EVERY_MS));
  }
  const cut = waiting(talk);
  for (const turn of cut) Object.assign(turn, { isRunning: false, problem: new Problem({ code: "cut" }) });
  if (cut.length) draw();
}

// Asked before the reload, and not answered as far as this page has heard.
const waiting = (talk) => talk.turns.filter((turn) => turn.isRecalled && !turn.reply && !turn.problem);

function complete(talk, told) {
  const answered = () => talk.turns.filter((turn) => turn.reply).length + talk.turns.filter((turn) => turn.late).length;
  const before = answered();
  const known = new Map(talk.turns.map((turn) => [turn.reply?.id ?? turn.id, turn]));
  const turns = told.map((exchange) => filled(known.get(exchange.reply) ?? { text: exchange.text }, exchange));
  talk.turns = [...turns, ...talk.turns.filter((turn) => !turns.includes(turn))];
  return answered() !== before;
}

function filled(turn, { reply: id, answer: text, lane, sources, verdict, late }) {
  if (late) turn.late = late;
  if (turn.reply) return turn;
  const sentences = [{ text, sources }];
  const reply = { id, text, lane, sources, sentences, facts: [], policies: [], subject: [], isRecalled: true };
  return Object.assign(turn, { reply, sentences, isRunning: false, problem: null, verdict: verdict || undefined });
}
