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

/** Return a passage. */
export async function fetchPassage(id, role) {
  const response = await reach(`/v1/passages/${encodeURIComponent(id)}?role=${encodeURIComponent(role)}`);
  return response.json();
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
  if (!response.ok) throw new Problem(await response.json().catch(() => ({ code: "unreachable" })));
  return response;
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
