// A conversation: say something, hear the answer as it comes, decide what is asked right here.

import { ask, base } from "./api.js";
import { WORDS, typedIn } from "./deciding.js";
import { hear, onChange } from "./live.js";
import { say } from "./toast.js";
import "./app.js";

const detail = document.getElementById("detail");
const talk = document.getElementById("talk");
const LARGEST = 900_000;
let files = [];

// ---- what is said as it comes

let bubble = null; // shows the words of the turn that is not on record yet

if (talk) hear(talk.dataset.run, (piece) => {
  if (bubble?.dataset.turn !== String(piece.turn) || !piece.text) begin(piece.turn);
  bubble?.querySelector(".said").append(piece.text);
  follow();
});

function begin(turn) {
  bubble?.remove();
  bubble = null;
  if (talk.querySelector(`.talk [data-turn="${turn}"]`)) return;
  bubble = document.createElement("div");
  bubble.className = "by-agent coming";
  bubble.dataset.turn = turn;
  bubble.innerHTML = '<div class="said plain-text"></div>';
  talk.after(bubble);
}

const atEnd = () => detail.scrollHeight - detail.scrollTop - detail.clientHeight < 160;
let followed = true;
detail.addEventListener("scroll", () => { followed = atEnd(); });
function follow(always = false) {
  if (followed || always) detail.scrollTop = detail.scrollHeight;
}

// ---- what is on record, asked for again when it changes; what somebody has opened or typed stays

let kept = null;

document.addEventListener("htmx:beforeSwap", (event) => {
  if (event.detail.target !== talk) return;
  kept = [...talk.querySelectorAll("details[open][data-hold]")].map((one) => one.id);
});

document.addEventListener("htmx:afterSwap", (event) => {
  if (event.detail.target !== talk) return;
  for (const id of kept ?? []) document.getElementById(id)?.setAttribute("open", "");
  if (bubble && talk.querySelector(`.talk [data-turn="${bubble.dataset.turn}"]`)) { bubble.remove(); bubble = null; }
  follow();
});

const deciding = () => talk?.querySelector('[data-form="decide"]:not([hidden])');
talk?.addEventListener("live", (event) => { if (deciding()) event.stopImmediatePropagation(); }, true);
onChange(() => { if (deciding()) say("Something has changed meanwhile; what you write stays.", { seconds: 3 }); });

// ---- saying something

function wrong(form, error) {
  const place = form.querySelector("[role=alert]");
  place.textContent = error.message;
  place.hidden = false;
}

const FORMS = {
  async say(form) {
    const body = { text: form.elements.text.value, attachments: files };
    const ended = talk?.firstElementChild.dataset.ended;
    if (form.dataset.talk && !ended) {
      await ask(`runs/${form.dataset.talk}/messages`, body);
    } else {
      if (form.dataset.talk) body.follow = form.dataset.talk;
      else if (form.elements.agent) body.agent = form.elements.agent.value;
      const made = await ask("conversations", body);
      return location.assign(`${base}/chat/${made.id}`);
    }
    form.reset();
    files = [];
    listed();
    follow(true);
  },
  async decide(form) {
    const card = form.closest("[data-review]");
    const note = form.elements["*note"].value.trim();
    const decision = form.dataset.decision;
    const given = decision === "edit" ? typedIn(form) : undefined;
    await decide(card, decision, note, given);
    shut(form);
  },
};

/** Close a form; what came while it was open is shown now. */
function shut(form) {
  form.hidden = true;
  talk.firstElementChild.dispatchEvent(new CustomEvent("live"));
}

async function decide(card, decision, note = "", given = undefined) {
  const { review, version, holdSeconds } = card.dataset;
  const body = { decision, version: Number(version), note, hold: decision === "respond" ? 0 : Number(holdSeconds) };
  if (given) body.arguments = given;
  await ask(`reviews/${review}/decide`, body);
  const undo = () => ask(`reviews/${review}/undo`).then(() => say("Taken back; it is open again.")).catch((error) => say(error.message, { bad: true }));
  if (body.hold > 0) say(`${WORDS[decision]}. It goes out in ${body.hold} s.`, { seconds: body.hold, action: "Undo", act: undo });
}

document.addEventListener("submit", async (event) => {
  const form = event.target.closest("[data-form]");
  if (!form) return;
  event.preventDefault();
  const button = form.querySelector("button:not([type=button])");
  button.disabled = true;
  try {
    await FORMS[form.dataset.form](form);
  } catch (error) {
    wrong(form, error);
  } finally {
    button.disabled = false;
  }
});

function open(button) {
  const card = button.closest("[data-review]"), form = card.querySelector("form"), decision = button.dataset.decide;
  form.hidden = false;
  form.dataset.decision = decision;
  for (const field of form.querySelectorAll("[data-edit]")) field.hidden = decision !== "edit";
  form.querySelector("[data-label]").textContent = { reject: "Why not? The agent is told.", respond: "Your answer", edit: "Note" }[decision];
  form.elements["*note"].required = decision === "respond";
  form.querySelector("[data-do]").textContent = button.textContent;
  (form.querySelector("label:not([hidden]) :is(input, textarea)")).focus();
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  const { decide: decision, forget } = button.dataset;
  try {
    if (decision === "approve") await decide(button.closest("[data-review]"), decision);
    else if (decision) open(button);
    else if ("back" in button.dataset) shut(button.closest("form"));
    else if (forget) { await ask(`memory/${forget}`, {}, "DELETE"); button.closest("li").remove(); say("Forgotten."); }
    else if ("stop" in button.dataset) { await ask(`runs/${talk.dataset.run}/cancel`); say("It stops between two of its steps. What you say next begins where it ended."); }
    else if ("attach" in button.dataset) document.getElementById("file").click();
    else if (button.dataset.drop) { files.splice(Number(button.dataset.drop), 1); listed(); }
  } catch (error) {
    say(error.message, { bad: true });
  }
});

// ---- attachments: texts, which count as a stranger's

document.getElementById("file")?.addEventListener("change", async (event) => {
  for (const file of event.target.files) {
    if (file.size > LARGEST) { say(`${file.name} is too large: at most ${LARGEST / 1000} kB.`, { bad: true }); continue; }
    const bytes = new Uint8Array(await file.arrayBuffer());
    try {
      files.push({ name: file.name, text: new TextDecoder("utf-8", { fatal: true }).decode(bytes) });
    } catch {
      say(`${file.name} is no text. Give text files, such as .txt, .md, .csv, .json or .eml.`, { bad: true });
    }
  }
  event.target.value = "";
  listed();
});

function listed() {
  const place = document.querySelector("[data-files]");
  place.replaceChildren(...files.map((file, at) => {
    const item = document.createElement("li");
    item.className = "chip";
    item.append(`${file.name} `);
    const drop = document.createElement("button");
    drop.type = "button";
    drop.className = "small quiet";
    drop.dataset.drop = at;
    drop.textContent = "×";
    drop.setAttribute("aria-label", `Leave out ${file.name}`);
    item.append(drop);
    return item;
  }));
  place.hidden = !files.length;
}

document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing && event.target.matches(".compose textarea")) {
    event.preventDefault();
    event.target.form.requestSubmit();
  }
});

document.querySelector(".compose textarea")?.focus();
follow(true);
