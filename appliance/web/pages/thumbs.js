// Thumbs under an answer: was it right, and if not, what was wrong.

import { sendFeedback } from "./ask.js";
import { $, el } from "./dom.js";

const MOST_CHARS = 1000;

export class Thumbs {
  /** `keep()` saves the turn, which carries its verdict. */
  constructor(turn, keep) {
    this.turn = turn;
    this.keep = keep;
    this.buttons = [this.thumb("up", "Right"), this.thumb("down", "Wrong")];
    this.wrong = el("div", { class: "wrong" });
    this.said = el("p", { class: "soft thumbs-said", role: "status" });
    this.element = el("section", { class: "part thumbs" },
      el("div", { class: "thumbs-row", role: "group", "aria-label": "Was this right?" }, this.buttons), this.wrong, this.said);
    this.draw();
  }

  thumb(verdict, label) {
    const icon = $("#thumb").content.cloneNode(true);
    return el("button", { type: "button", class: "thumb", "data-verdict": verdict, onclick: () => this.rate(verdict) }, icon, label);
  }

  draw() {
    for (const button of this.buttons) {
      button.setAttribute("aria-pressed", String(button.dataset.verdict === this.turn.verdict));
    }
    if (this.turn.verdict !== "down" || this.turn.isTold) this.wrong.replaceChildren();
    else if (!this.wrong.hasChildNodes()) this.wrong.append(this.form());
  }

  form() {
    const box = el("textarea", { name: "text", rows: 2, maxlength: MOST_CHARS });
    const onsubmit = (event) => {
      event.preventDefault();
      const text = box.value.trim();
      if (text) this.rate("down", text);
      else box.focus();
    };
    return el("form", { class: "wrong-form", onsubmit },
      el("label", {}, "What was wrong? (if you like)", box), el("button", { type: "submit", class: "wide" }, "Send"));
  }

  async rate(verdict, text = "") {
    const { turn } = this;
    const before = { verdict: turn.verdict, isTold: turn.isTold };
    Object.assign(turn, { verdict, isTold: Boolean(text) });
    if (!text) this.draw(); // what is typed stays until it has arrived
    try {
      await sendFeedback(turn.reply.id, { verdict, text });
      this.said.textContent = verdict === "up" ? "Thank you." : text ? "Thank you. An expert will see it." : "Noted.";
    } catch (problem) {
      Object.assign(turn, before);
      this.said.textContent = problem.status ? `That was not taken: ${problem.message}` : "The store’s server does not answer. Tap again in a moment.";
    }
    this.draw();
    this.keep();
  }
}
