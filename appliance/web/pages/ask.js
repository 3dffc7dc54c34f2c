// Put a question to the store and hear its events.

/** What the store said no with: a problem document, or no answer at all. */
export class Problem extends Error {
  constructor(plain) {
    super(plain.detail ?? "");
    Object.assign(this, { code: plain.code ?? "", hint: plain.hint ?? "", status: plain.status ?? 0, retryAfter: plain.retry_after_s ?? 0 });
  }
}

const unreachable = () => new Problem({ code: "unreachable" });
const cut = () => new Problem({ code: "cut" });

/** Yield {name, data} of each event; throws a Problem when the answer does not end with `done`. */
export async function* askStore(ask) {
  const response = await reach("/v1/ask", {
    method: "POST",
    headers: { "Content-Type": "application/json", Accept: "text/event-stream" },
    body: JSON.stringify(ask),
  });
  for await (const event of events(response.body)) {
    if (event.name === "error") throw new Problem(event.data);
    yield event;
    if (event.name === "done") return;
  }
  throw cut();
}

/** Return a passage, as the role named or, without one, as who is signed in. */
export async function fetchPassage(id, role) {
  const query = role ? `?role=${encodeURIComponent(role)}` : "";
  const response = await reach(`/v1/passages/${encodeURIComponent(id)}${query}`);
  return response.json();
}

/** Return a product's card by any number on its box. */
export async function fetchProduct(number, role) {
  const query = role ? `?role=${encodeURIComponent(role)}` : "";
  return (await reach(`/v1/products/${encodeURIComponent(number)}${query}`)).json();
}

/** Say whether a reply was right. */
export const sendFeedback = (reply, feedback) => post(`/v1/replies/${encodeURIComponent(reply)}/feedback`, feedback);

/** Return a conversation as it was said. */
export async function fetchThread(thread) {
  return (await reach(`/v1/threads/${encodeURIComponent(thread)}`)).json();
}

/** Return what headquarters answered later; none when nobody answers. */
export async function fetchLateAnswers() {
  return reach("/v1/late-answers").then((response) => response.json()).then(({ answers }) => answers, () => []);
}

/** Return who is signed in, and what is needed first: "", "pair" or "sign_in". */
export async function fetchMe() {
  return (await reach("/v1/me")).json();
}

export const pairHandheld = (code, name) => post("/v1/devices/pair", { code, name });
export const signIn = (badge, pin) => post("/v1/sign-in", { badge, pin });
export const signOut = () => post("/v1/sign-out", {});

function post(address, body) {
  return reach(address, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
}

/** Return a few things to try; none when nobody answers. */
export async function fetchExamples() {
  return reach("/v1/examples").then((response) => response.json()).then(({ examples }) => examples, () => []);
}

/** Return the store's health, also when it is not ready; null when nobody answers. */
export async function fetchHealth() {
  try {
    return await (await fetch("/health")).json();
  } catch {
    return null;
  }
}

async function reach(address, options) {
  let response;
  try {
    response = await fetch(address, options);
  } catch {
    throw unreachable();
  }
  if (response.ok) return response;
  const problem = new Problem(await response.json().catch(() => ({ code: "unreachable" })));
  // Shut out, signed out, or somebody else is here now: whatever was asked for, back to the door.
  if (problem.status === 401 || problem.code === "no_such_thread") document.dispatchEvent(new Event("turned-away"));
  throw problem;
}

async function* events(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let kept = "";
  for (;;) {
    const { done, value } = await reader.read().catch(() => { throw cut(); });
    if (done) return;
    const frames = (kept + value).split(/\r?\n\r?\n/);
    kept = frames.pop();
    for (const frame of frames) yield parse(frame);
  }
}

function parse(frame) {
  const fields = { event: "", data: "" };
  for (const line of frame.split(/\r?\n/)) {
    const at = line.indexOf(": ");
    if (at > 0) fields[line.slice(0, at)] += line.slice(at + 2);
  }
  return { name: fields.event, data: JSON.parse(fields.data || "{}") };
}
