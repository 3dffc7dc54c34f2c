// The door: a handheld is paired once, then whoever holds it signs in. The demo has no door.

import { fetchMe, pairHandheld, Problem, signIn, signOut } from "./ask.js";
import { $, el } from "./dom.js";

const door = $("#door");
const inside = [...document.querySelectorAll(".top, .frame, #ask")];
export const isDemo = (me) => me.device === "local";

let hearEntered = () => {};
let known = ""; // who is in, as the store told it; "" at the door

// A handheld wakes up in other hands, or after the shift: what is on its screen may be nobody's now.
document.addEventListener("visibilitychange", async () => {
  if (document.hidden || !known) return;
  const me = await fetchMe().catch(() => null);
  if (me && known && JSON.stringify(me) !== known) await openDoor();
});

/** Show the page or its door, as the store says; `entered(me)` draws the page for who came in. */
export async function openDoor(entered) {
  if (entered) hearEntered = entered;
  let me;
  try {
    me = await fetchMe();
  } catch (problem) {
    show(noServer());
    if (!(problem instanceof Problem)) console.error(problem);
    return;
  }
  if (me.needs === "pair") show(pairing());
  else if (me.needs) show(signingIn(me));
  else enter(me);
}

/** Sign out, and show the door. */
export async function leave() {
  await signOut().catch(() => {}); // without an answer the door shows why
  await openDoor();
}

function enter(me) {
  known = JSON.stringify(me);
  door.hidden = true;
  door.replaceChildren();
  for (const part of inside) part.hidden = false;
  hearEntered(me);
}

function show(form) {
  known = "";
  for (const part of inside) part.hidden = true;
  door.replaceChildren(form);
  door.hidden = false;
  form.querySelector("input, button").focus();
}

// ── the three things a door can say ─────────────────────────────────────────────────────────

function pairing() {
  const code = field("Code", { name: "code", class: "code", autocapitalize: "characters", maxlength: 12, spellcheck: "false" });
  const name = field("This handheld’s name", { name: "name", placeholder: "Electronics 2", maxlength: 40 });
  return form("Pair this handheld.", "Whoever runs the store’s server has a code for it.", [code, name], "Pair", async (typed) => {
    await pairHandheld(typed.code, typed.name);
  });
}

function signingIn(me) {
  const badge = field("Badge", { name: "badge", inputmode: "numeric", maxlength: 16 });
  const pin = field("PIN", { name: "pin", class: "pin", inputmode: "numeric", maxlength: 12 });
  return form("Sign in.", me.device_name, [badge, pin], "Sign in", async (typed) => {
    await signIn(typed.badge, typed.pin);
  });
}

function noServer() {
  return el("div", { class: "door-form" },
    el("h1", {}, "No answer."),
    el("p", { class: "soft" }, "Check that this handheld is on the store’s Wi-Fi."),
    el("button", { type: "button", class: "enter", onclick: () => openDoor() }, "Try again"));
}

function form(heading, line, fields, action, send) {
  const said = el("p", { class: "door-said", role: "alert" });
  const button = el("button", { type: "submit", class: "enter" }, action);
  let isSending = false;
  async function submit(event) {
    event.preventDefault();
    if (isSending) return;
    isSending = true;
    button.setAttribute("aria-disabled", "true");
    said.textContent = "";
    try {
      await send(Object.fromEntries(new FormData(event.target)));
      await openDoor();
    } catch (problem) {
      if (!(problem instanceof Problem)) console.error(problem);
      said.textContent = advice(problem);
      const secret = event.target.querySelector(".pin, .code");
      if (secret.matches(".pin")) secret.value = "";
      secret.select();
    }
    isSending = false;
    button.removeAttribute("aria-disabled");
  }
  return el("form", { class: "door-form", autocomplete: "off", onsubmit: submit },
    el("h1", {}, heading), line ? el("p", { class: "soft" }, line) : null, ...fields, said, button);
}

function field(label, attributes) {
  return el("label", { class: "field" }, label, el("input", { type: "text", autocomplete: "off", required: true, ...attributes }));
}

function advice(problem) {
  if (problem.code === "wrong_code") return "That code does not work: it is mistyped, used up or too old. Ask for a new one.";
  if (problem.code === "wrong_pin") return "This badge and this PIN do not go together.";
  if (problem.code === "too_many_tries") return `Too many tries from here. Wait ${problem.retryAfter} s, then try again.`;
  if (problem.code === "engine_busy") return "Many colleagues are signing in right now. Try again.";
  if (problem.code === "unreachable") return "The store’s server does not answer. Check the Wi-Fi, then try again.";
  if (problem.message) return `${problem.message} ${problem.hint}`;
  return "That should not have happened. Try again.";
}
