// One exchange on the screen: the question, what is being done, the answer and where it comes from.

import { el, localTime } from "./dom.js";
import { lateParts } from "./late.js";
import { followUps } from "./next.js";
import { Thumbs } from "./thumbs.js";

export const LANES = {
  card: ["Card", "approved by headquarters, word for word"],
  lookup: ["Live data", "read from the store’s own systems"],
  specialist: ["Specialist", "written in this store, each value checked"],
  generalist: ["Headquarters", "written at headquarters, each value checked"],
  quote: ["Quote", "word for word from the handbook"],
  handoff: ["Ask someone", "no sourced answer to give"],
};

/** What is being done right now, in words. */
export function progress(event) {
  if (event.name === "sources") return foundText(event.data);
  const first = event.data.lanes?.[0]?.lane;
  if (first === "lookup") return "Checking the store’s live data…";
  if (first === "handoff") return "Finding who can help…";
  return "Looking in the handbook…";
}

function foundText({ passages, facts }) {
  const found = [];
  if (passages.length) found.push(`${passages.length} ${passages.length === 1 ? "passage" : "passages"}`);
  if (facts.length) found.push(`${facts.length} live ${facts.length === 1 ? "fact" : "facts"}`);
  return found.length ? `Found ${found.join(" and ")}. Choosing the words…` : "Nothing found yet. Finding who can help…";
}

/** Build a turn's element; `update()` draws what the turn has learned since. */
export class TurnView {
  constructor(turn, actions) {
    this.turn = turn;
    this.actions = actions; // openSource, openReceipt, again, ask, keep
    this.spoken = 0;
    this.end = null; // the reply or problem drawn
    this.head = el("div", { class: "answer-head" });
    this.progress = el("p", { class: "progress", role: "status" });
    this.answer = el("div", { class: "answer-text", "aria-live": "polite", "aria-atomic": "false" });
    this.later = el("div", { class: "answer-foot", "aria-live": "polite" });
    this.told = null; // the late answer or the wait for one that is drawn
    this.foot = el("div", { class: "answer-foot" });
    this.card = el("article", { class: "answer", "aria-label": "Answer" }, this.head, this.progress, this.answer, this.later, this.foot);
    this.element = el("li", { class: "turn" }, el("h2", { class: "question" }, turn.text, askedAs(turn.role)), this.card);
    this.update();
  }

  update() {
    const { turn } = this;
    this.card.classList.toggle("is-running", turn.isRunning === true);
    this.progress.textContent = turn.isRunning && !turn.sentences.length ? turn.progress : "";
    this.progress.hidden = !this.progress.textContent;
    this.speak();
    this.conclude(turn.problem ?? turn.reply ?? null);
    this.tellLater();
    if (turn.problem) this.advice.textContent = kindly(turn.problem, turn)[1];
  }

  tellLater() {
    const told = this.turn.late ?? (this.turn.reply?.is_kept ? "kept" : null);
    if (told === this.told) return;
    this.told = told;
    this.later.replaceChildren(...[lateParts(this.turn)].filter(Boolean));
  }

  // Drawn once: drawing again would take the focus from a button and be read aloud again.
  conclude(end) {
    if (end === this.end) return;
    this.end = end;
    delete this.card.dataset.lane;
    this.head.replaceChildren();
    this.foot.replaceChildren();
    if (end && end === this.turn.problem) this.showProblem(end);
    else if (end) this.showReply(end);
  }

  // Only what is new is added, so that a screen reader reads each sentence once.
  speak() {
    if (this.spoken > this.turn.sentences.length) {
      this.answer.replaceChildren();
      this.spoken = 0;
    }
    for (const sentence of this.turn.sentences.slice(this.spoken)) {
      if (this.spoken) this.answer.append(" ");
      this.answer.append(el("span", { class: "sentence" }, sentence.text));
      this.spoken += 1;
    }
  }

  showReply(reply) {
    const [name, usual] = LANES[reply.lane] ?? [reply.lane, ""];
    const isRefused = reply.lane === "handoff" && reply.policies.some(({ effect }) => effect === "forbid");
    const meaning = isRefused ? "a rule of the chain applies" : usual;
    this.card.dataset.lane = reply.lane;
    this.head.replaceChildren(el("span", { class: "badge" }, name), " ", el("span", { class: "soft" }, meaning));
    this.foot.replaceChildren(
      ...[factList(reply), this.sourceList(reply), followUps(this.turn, this.actions.ask)].filter(Boolean),
      new Thumbs(this.turn, this.actions.keep).element,
      reply.isRecalled ? "" : el("button", { type: "button", class: "quiet receipt-button", onclick: () => this.actions.openReceipt(reply) }, "Receipt"),
    );
  }

  sourceList(reply) {
    const passages = passagesOf(reply);
    if (!passages.length) return null;
    const rows = passages.map((source) => {
      const [first, ...path] = source.title.split(" › ");
      return el("li", {}, el("button", { type: "button", class: "source", onclick: () => this.actions.openSource(source, this.turn) },
        el("span", { class: "source-title" }, first),
        path.length ? el("span", { class: "soft source-path" }, path.join(" › ")) : null,
      ));
    });
    return el("section", { class: "part" }, el("h3", {}, passages.length === 1 ? "Source" : "Sources"), el("ul", { class: "sources" }, rows));
  }

  showProblem(problem) {
    this.advice = el("p");
    this.card.dataset.lane = "problem";
    this.foot.replaceChildren(el("div", { class: "problem" },
      el("p", { class: "problem-title", role: "alert" }, kindly(problem, this.turn)[0]),
      this.advice,
      el("button", { type: "button", class: "wide again", onclick: () => this.actions.again() }, "Try again"),
    ));
  }
}

function askedAs(role) {
  return !role || role === "associate" ? null : el("span", { class: "as" }, ` asked as ${role}`);
}

/** Return the passages a reply rests on, each once, with all the stretches cited. */
export function passagesOf(reply) {
  const facts = new Set(reply.facts.map((fact) => fact.id));
  const byId = new Map();
  for (const source of reply.sources) {
    if (facts.has(source.id)) continue;
    const found = byId.get(source.id) ?? { id: source.id, title: source.title, ranges: [] };
    found.ranges.push([source.start, source.end]);
    byId.set(source.id, found);
  }
  return [...byId.values()];
}

function factList(reply) {
  if (!reply.facts.length) return null;
  const rows = reply.facts.map((fact) => el("li", { class: fact.is_stale ? "fact is-stale" : "fact" },
    el("span", { class: "fact-family" }, fact.family),
    el("span", {}, fact.is_stale ? "not known since " : "as of ", el("time", { datetime: fact.as_of }, localTime(fact.as_of))),
  ));
  return el("section", { class: "part" }, el("h3", {}, "Live data"), el("ul", { class: "facts" }, rows));
}

function kindly(problem, turn) {
  if (problem.code === "unreachable") return ["The store’s server does not answer.", "Check that this handheld is on the store’s Wi-Fi, then try again."];
  if (problem.code === "cut") return ["The answer was cut off.", "The connection dropped before the answer was complete. Nothing is lost; ask again."];
  if (problem.code === "engine_busy") {
    return ["Many colleagues are asking right now.", turn.retryIn ? `Your question is kept. Trying again in ${turn.retryIn} s…` : "Wait a moment, then try again."];
  }
  if (problem.code === "store_error") return ["The store cannot write its journal.", "It gives no answer it could not write down. Tell your lead or field IT."];
  if (problem.code === "ask_too_long") return ["That is a lot at once.", `${problem.message} ${problem.hint}`];
  if (problem.code === "no_such_thread") return ["This conversation has ended.", "Start a new one and ask again."];
  if (problem.code === "bug") return ["That should not have happened.", "The store’s server has noted it. Try again, or ask your lead."];
  return ["The store cannot take this question.", `${problem.message} ${problem.hint}`];
}
