// What headquarters answers later: looked for while something waits, told at the top of the page.

import { fetchLateAnswers } from "./ask.js";
import { $, el, localTime } from "./dom.js";

const EVERY_MS = 20_000;
const KEY = "backroom.late"; // ids of answers that were put away; nothing of what they say
const MOST_KEPT = 200;
const MOST_TOLD = 3;

export class Late {
  /** `changed(talk)` draws a conversation anew, `open(answer)` shows the one an answer belongs to. */
  constructor(talks, { changed, open }) {
    this.talks = talks;
    this.changed = changed;
    this.open = open;
    this.timer = 0;
    document.addEventListener("visibilitychange", () => this.look());
  }

  /** Begin for whoever has just come in. */
  begin() {
    this.isIn = true;
    this.look();
  }

  /** Stop: whoever was here has left. */
  end() {
    this.isIn = false;
    clearTimeout(this.timer);
    $("#late").replaceChildren();
  }

  async look() {
    clearTimeout(this.timer);
    if (!this.isIn || document.hidden) return;
    const answers = await fetchLateAnswers();
    if (!this.isIn) return; // left meanwhile
    for (const answer of answers) this.put(answer);
    this.tell(answers);
    this.wait();
  }

  /** Look again in a while, if anything still waits. */
  wait() {
    clearTimeout(this.timer);
    if (this.isIn && this.turns().some(([, turn]) => turn.reply?.is_kept && !turn.late)) {
      this.timer = setTimeout(() => this.look(), EVERY_MS);
    }
  }

  put(answer) {
    for (const [talk, turn] of this.turns()) {
      if (turn.reply?.id !== answer.reply || turn.late?.at === answer.at) continue;
      turn.late = answer;
      this.changed(talk);
    }
  }

  tell(answers) {
    const away = putAway();
    const told = answers.filter(({ reply, at }) => !away.includes(`${reply} ${at}`)).slice(0, MOST_TOLD);
    $("#late").replaceChildren(...told.map((answer) => this.notice(answer)));
  }

  notice(answer) {
    const leave = () => {
      remember(`${answer.reply} ${answer.at}`);
      node.remove();
    };
    const show = () => { leave(); this.open(answer); };
    const node = el("div", { class: "late" },
      el("p", {}, el("b", {}, "Answered later: "), answer.asked),
      el("div", { class: "late-row" },
        el("button", { type: "button", class: "wide", onclick: show }, "Show"),
        el("button", { type: "button", class: "wide", onclick: leave }, "Put away")));
    return node;
  }

  turns() {
    return this.talks.all.flatMap((talk) => talk.turns.map((turn) => [talk, turn]));
  }
}

/** Build what a turn shows of its late answer, or that one will come; null when neither. */
export function lateParts(turn) {
  if (turn.late) {
    const who = turn.late.by === "expert" ? "An expert at headquarters" : "Headquarters";
    return el("section", { class: "part late-answer", "aria-label": "Answered later" },
      el("h3", {}, "Answered later"),
      el("p", { class: "late-text" }, turn.late.text),
      el("p", { class: "soft" }, turn.late.is_withheld ? "" : `${who}, `, el("time", { datetime: turn.late.at }, localTime(turn.late.at))));
  }
  if (!turn.reply?.is_kept) return null;
  return el("section", { class: "part" }, el("p", { class: "kept" }, "Kept for headquarters: the answer comes here when the line is back."));
}

function putAway() {
  try {
    return JSON.parse(localStorage.getItem(KEY)) ?? [];
  } catch {
    return [];
  }
}

function remember(id) {
  try {
    localStorage.setItem(KEY, JSON.stringify([...putAway().filter((other) => other !== id), id].slice(-MOST_KEPT)));
  } catch {
    // Full or forbidden: it is told again by the next page.
  }
}
