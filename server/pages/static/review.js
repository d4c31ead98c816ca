// The review queue by keyboard and pointer. What is done goes through the API; the pages show what came of it.

import { ask, base, signIn } from "./api.js";
import { WORDS, typedIn } from "./deciding.js";
import { onChange } from "./live.js";
import { say } from "./toast.js";
import "./app.js";

const list = document.getElementById("list");
const detail = document.getElementById("detail");
const main = document.getElementById("main");
const HEARTBEAT = 5 * 60 * 1000;
let held = null; // the decision that can be undone: the ids it is of

const chosen = () => document.getElementById("review");
const items = () => [...list.querySelectorAll("[data-item]")];
const current = () => list.querySelector("[aria-current]");
const one = (what) => detail.querySelector(what);

// ---- going through the list

function show(item) {
  if (!item) return;
  mark(item.dataset.item);
  item.scrollIntoView({ block: "nearest" });
  history.replaceState(null, "", item.href);
  return load(item.dataset.item);
}

/** Show which one of the list is looked at. */
function mark(id) {
  current()?.removeAttribute("aria-current");
  document.getElementById(`item-${id}`)?.setAttribute("aria-current", "true");
}

let wanted = chosen()?.dataset.review; // what the person looks at, or is about to
let coming = new AbortController();

/** Show a question; where another one is asked for before it has come, that one alone is shown. */
async function load(id) {
  main.classList.add("chosen");
  wanted = id;
  coming.abort();
  coming = new AbortController();
  try {
    const answer = await fetch(`${base}/parts/reviews/${id}${location.search}`, { signal: coming.signal });
    if (answer.status === 401) return signIn();
    if (!answer.ok) return say(`This question could not be shown (${answer.status}). Reload the page.`, { bad: true });
    const part = await answer.text();
    if (wanted === id && !writing()) arrive(part);
  } catch (error) {
    if (error.name !== "AbortError") say("The server is not reached; try again when the connection is back.", { bad: true });
  }
}

function arrive(part) {
  detail.innerHTML = part;
  htmx.process(detail);
  mark(wanted);
  detail.scrollTop = 0;
  detail.focus({ preventScroll: true });
}

// what comes by itself is shown as long as it is still looked at; while somebody writes nothing is taken from under their
// hands: what they type next would count as keys
detail.addEventListener("htmx:beforeSwap", (event) => {
  if (event.detail.target !== detail) return;
  const late = !event.detail.requestConfig.path.includes(`/reviews/${wanted}`);
  if (late || writing()) event.detail.shouldSwap = false;
});

function step(by) {
  const all = items();
  const at = all.indexOf(current());
  const next = all[at < 0 ? 0 : Math.min(all.length - 1, Math.max(0, at + by))];
  if (next !== current()) show(next);
}

/** What is shown next when a question has been decided: the one behind it in the list. */
function after(ids) {
  const all = items();
  const at = all.findIndex((item) => item.dataset.item === chosen()?.dataset.review);
  const left = (item) => !ids.includes(item.dataset.item);
  return all.slice(at + 1).find(left) ?? all.slice(0, Math.max(at, 0)).reverse().find(left);
}

list.addEventListener("click", (event) => {
  const item = event.target.closest("[data-item]");
  if (!item || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  show(item);
});

// a list that is asked for again keeps its length, its place and what is chosen of it
list.addEventListener("htmx:configRequest", (event) => {
  if (event.target === list) event.detail.parameters.most = Math.max(50, items().length);
});
list.addEventListener("htmx:afterSwap", () => {
  mark(chosen()?.dataset.review);
});

async function takeNext() {
  const { review } = await ask("reviews/next", {});
  if (review === null) return say("Nothing waits for you now.");
  const item = document.getElementById(`item-${review.id}`);
  if (item) return show(item);
  history.replaceState(null, "", `${base}/reviews/${review.id}`);
  return load(review.id);
}

// ---- panels: notes, edits, delegation

let meant = null; // what the note in the open panel is for

const NOTES = {
  reject: ["Why not? The agent is told.", "Reject"],
  respond: ["Your answer", "Answer"],
  "approve-note": ["Note for the agent", "Approve"],
  comment: ["For other people; the agent is not told", "Comment"],
  ask: ["What do you want to know of the agent?", "Ask"],
};

function open(name, what = null) {
  close();
  const panel = one(`[data-panel="${name}"]`);
  if (!panel) return;
  meant = what;
  if (name === "note") {
    one("[data-note-label]").textContent = NOTES[what][0];
    panel.querySelector("[data-do]").textContent = NOTES[what][1];
    panel.querySelector("textarea").required = what !== "reject" || Boolean(chosen().dataset.grave);
  }
  panel.hidden = false;
  panel.querySelector("input, textarea, select").focus();
}

function close() {
  for (const panel of detail.querySelectorAll("[data-panel]")) panel.hidden = true;
  const more = one(".more-actions");
  if (more) more.open = false;
}

const writing = () => Boolean(detail.querySelector("[data-panel]:not([hidden])"));

function wrong(form, error) {
  const place = form.querySelector("[role=alert]");
  place.textContent = error.message;
  place.hidden = false;
}

detail.addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = event.target, button = form.querySelector("[data-do]");
  button.disabled = true;
  try {
    await FORMS[form.dataset.form](form);
  } catch (error) {
    wrong(form, error);
  } finally {
    button.disabled = false;
  }
});

const FORMS = {
  async note(form) {
    const text = form.elements.note.value.trim();
    if (meant === "comment" || meant === "ask") {
      await ask(`reviews/${chosen().dataset.review}/${meant}`, { text });
      close();
      say(meant === "ask" ? "Asked. The answer comes beside the question." : "Said.");
      return load(chosen().dataset.review);
    }
    return decide(meant === "approve-note" ? "approve" : meant, { note: text });
  },
  async edit(form) {
    return decide("edit", { arguments: typedIn(form), note: form.elements["*note"].value });
  },
  async delegate(form) {
    const { review, version } = chosen().dataset;
    await ask(`reviews/${review}/delegate`, { to: form.elements.to.value, note: form.elements.note.value, version: Number(version) });
    say(`Given to ${form.elements.to.value}.`);
    close();
    return load(review);
  },
};

// ---- deciding

async function decide(decision, { note = "", arguments: given } = {}) {
  const { review, version, hold } = chosen().dataset;
  const together = decision === "approve" || decision === "reject" ? alike() : [];
  const next = after([review, ...together.map((one) => one.review)]);
  let done = [review];
  if (together.length) {
    const reviews = [{ review, version: Number(version) }, ...together];
    const { outcomes } = await ask("decide-together", { decision, note, hold: Number(hold), reviews });
    const failed = outcomes.filter((outcome) => outcome.error);
    done = outcomes.filter((outcome) => !outcome.error).map((outcome) => outcome.review);
    for (const outcome of failed) say(outcome.error.message, { bad: true });
  } else {
    const body = { decision, version: Number(version), note, hold: Number(hold) };
    if (given) body.arguments = given;
    await ask(`reviews/${review}/decide`, body);
  }
  close();
  const many = done.length > 1 ? ` ${done.length} questions` : "";
  if (Number(hold) > 0) {
    held = done;
    say(`${WORDS[decision]}${many}. It goes out in ${Number(hold)} s.`, { seconds: Number(hold), action: "Undo (u)", act: undo });
  } else {
    say(`${WORDS[decision]}${many}.`);
  }
  for (const id of done) document.getElementById(`item-${id}`)?.closest("li").remove();
  if (next) await show(next);
  else await load(review);
}

async function undo() {
  const { review } = chosen()?.dataset ?? {};
  const ids = held ?? (review ? [review] : []);
  held = null;
  for (const id of ids) await ask(`reviews/${id}/undo`);
  if (!ids.length) return;
  say("Taken back; it is open again.");
  history.replaceState(null, "", `${base}/reviews/${ids[0]}`);
  await load(ids[0]);
}

function approve() {
  if (!chosen().dataset.grave) return decide("approve");
  const sure = document.getElementById("sure");
  sure.querySelector("[data-sure-what]").textContent = one(".call, .question").textContent;
  sure.showModal();
}

document.getElementById("sure").addEventListener("click", (event) => {
  if (event.target.closest("[data-sure-no]")) event.currentTarget.close();
  if (event.target.closest("[data-sure-yes]")) {
    event.currentTarget.close();
    tried(() => decide("approve"));
  }
});

// ---- the very same questions

const alike = () => [...detail.querySelectorAll("[data-alike]:checked")].map((box) => ({ review: box.dataset.alike, version: Number(box.dataset.version) }));

function chooseAlike() {
  const boxes = [...detail.querySelectorAll("[data-alike]")];
  if (!boxes.length) return say("Nothing else asks for the very same.");
  const all = boxes.every((box) => box.checked);
  for (const box of boxes) box.checked = !all;
  marked();
}

function marked() {
  for (const item of items()) item.classList.remove("together");
  for (const { review } of alike()) document.getElementById(`item-${review}`)?.classList.add("together");
}

detail.addEventListener("change", (event) => { if (event.target.matches("[data-alike]")) marked(); });

// ---- claims

async function claim() {
  const { review, mine } = chosen().dataset;
  await ask(`reviews/${review}/${mine ? "release" : "claim"}`);
  await load(review);
}

setInterval(() => {
  const { review, mine, undecided } = chosen()?.dataset ?? {};
  if (mine && undecided) ask(`reviews/${review}/claim`).catch(() => {});
}, HEARTBEAT);

async function snooze(seconds) {
  const { review } = chosen().dataset;
  const next = after([review]);
  await ask(`reviews/${review}/snooze`, { seconds });
  say("Put off for you; others may take it.");
  if (next) await show(next);
}

async function stop() {
  if (!confirm("End this run? What it has done stays done; its questions are withdrawn.")) return;
  const run = chosen().dataset.live.split(" ")[1];
  await ask(`runs/${run}/cancel`);
  say("The run is ended between two of its steps.");
}

async function propose() {
  const { proposal } = await ask(`reviews/${chosen().dataset.review}/propose`);
  say(`Proposed: ${proposal.id}. Its owner finds it under Agents.`, { seconds: 10 });
}

// ---- what others do meanwhile

onChange((topics) => {
  const { review, version } = chosen()?.dataset ?? {};
  if (review && writing() && (topics === null || topics.has(review))) stale(review, Number(version));
});

/** Somebody writes while the question changes: what was written stays, and they are told. */
async function stale(id, version) {
  const answer = await fetch(`${base}/api/v1/reviews/${id}`);
  if (!answer.ok) return;
  const now = await answer.json();
  const form = detail.querySelector("[data-panel]:not([hidden]) form");
  if (!form || now.version === version) return;
  if (now.state === "closed") return wrong(form, new Error(`${now.decision.by} was first: ${now.decision.kind}. What you wrote stays here; close this to see the answer.`));
  chosen().dataset.version = now.version;
  const has = now.claimed_by ? ` ${now.claimed_by} has it now.` : "";
  wrong(form, new Error(`This question has changed meanwhile.${has} What you wrote stays; send it if it still holds.`));
}

detail.addEventListener("live", (event) => { if (writing()) event.stopImmediatePropagation(); }, true);

// ---- keys and buttons

async function tried(what) {
  try {
    await what();
  } catch (error) {
    say(error.message, { bad: true });
    if (error.status === 409 && chosen()) await load(chosen().dataset.review);
  }
}

const open_ = (kind) => () => one(`[data-answer="${kind}"]`) && open("note", kind);
const undecided = (what) => () => chosen()?.dataset.undecided && one(".actions [data-claim]") && what();

const KEYS = {
  j: () => step(1),
  k: () => step(-1),
  n: () => document.querySelector("[data-next]") && takeNext(),
  u: undo,
  "?": () => document.getElementById("keys").showModal(),
  a: undecided(() => one('[data-answer="approve"]') && approve()),
  e: undecided(() => open("edit")),
  r: undecided(open_("reject")),
  w: undecided(open_("respond")),
  m: undecided(open_("comment")),
  b: undecided(open_("ask")),
  d: undecided(() => open("delegate")),
  c: undecided(claim),
  x: undecided(chooseAlike),
  s: undecided(() => snooze(3600)),
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  if (event.key === "Escape") {
    if (writing()) { close(); detail.focus(); }
    else if (main.classList.contains("chosen")) current()?.focus();
    return;
  }
  if (event.target.closest("input, textarea, select")) return;
  const act = KEYS[event.key];
  if (!act) return;
  event.preventDefault();
  tried(async () => act());
});

document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  const { answer, open: panel, snooze: seconds } = button.dataset;
  if (panel) tried(async () => open(panel, answer));
  else if (answer === "approve") tried(async () => approve());
  else if ("close" in button.dataset) { close(); tried(async () => load(chosen().dataset.review)); }
  else if ("undo" in button.dataset) tried(undo);
  else if ("claim" in button.dataset) tried(claim);
  else if ("next" in button.dataset) tried(takeNext);
  else if ("keys" in button.dataset) KEYS["?"]();
  else if (seconds) tried(() => snooze(Number(seconds)));
  else if ("stop" in button.dataset) tried(stop);
  else if ("propose" in button.dataset) tried(propose);
});
