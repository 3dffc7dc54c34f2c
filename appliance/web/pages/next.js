// What to ask next about the one product an answer was about.

import { el } from "./dom.js";

const QUESTIONS = { price: "How much is it?", stock: "Is it in stock?", location: "Where is it?" };
const MOST = 3;
const SPANISH = /[¿¡áéíóúñ]/i; // the questions are English

/** Build the follow-ups of a reply, or null: only live data about a single product has any. */
export function followUps(turn, ask) {
  const { reply } = turn;
  if (reply.lane !== "lookup" || reply.subject.length !== 1 || SPANISH.test(turn.text)) return null;
  const told = new Set([reply.intent, ...reply.facts.map(({ family }) => family)]);
  const open = Object.entries(QUESTIONS).filter(([family]) => !told.has(family)).slice(0, MOST);
  if (!open.length) return null;
  const chips = open.map(([, text]) => el("button", { type: "button", class: "chip", onclick: () => ask(text) }, text));
  return el("div", { class: "chips", role: "group", "aria-label": "Ask next" }, chips);
}
