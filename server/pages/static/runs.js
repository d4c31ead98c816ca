// Runs: speak to one, end, fork and undo it.

import { ask, base } from "./api.js";
import { say } from "./toast.js";
import "./app.js";

const run = document.getElementById("run")?.dataset.run;
const fork = document.getElementById("fork");
const sure = document.getElementById("sure");

const ASKED = {
  cancel: ["End this run?", "It ends between two of its steps. What it has done stays done; its questions are withdrawn.", "End the run", () => say("It ends between two of its steps.")],
  compensate: ["Undo what it did?", "Another run calls the undo tools, last things first. Policy judges each of these calls, and may ask people.", "Undo it", (made) => location.assign(`${base}/runs/${made.id}`)],
};

function wrong(form, error) {
  const place = form.querySelector("[role=alert]");
  if (!place) return say(error.message, { bad: true });
  place.textContent = error.message;
  place.hidden = false;
}

const FORMS = {
  async message(form) {
    await ask(`runs/${run}/messages`, { text: form.elements.text.value });
    form.reset();
    say("Said. The agent reads it before its next step.");
  },
  async note(form) {
    const said = { text: form.elements.text.value, seen: Number(form.closest("[data-notes]").dataset.notes) };
    if (form.elements.field.value) said.field = form.elements.field.value;
    await ask(`runs/${run}/notes`, said);
    form.reset();
    say("Written into the notes.");
  },
  async fork(form) {
    const body = { at: Number(form.dataset.turn), live: form.elements.live.checked };
    if (form.elements.say.value.trim()) body.say = form.elements.say.value;
    const made = await ask(`runs/${run}/fork`, body);
    location.assign(`${base}/runs/${made.id}`);
  },
};

document.addEventListener("submit", async (event) => {
  const form = event.target.closest("[data-form]");
  if (!form) return;
  event.preventDefault();
  const button = form.querySelector("button:not([type=button])");
  button.disabled = true;
  await FORMS[form.dataset.form](form).catch((error) => wrong(form, error));
  button.disabled = false;
});

document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  if (button.dataset.fork) {
    fork.querySelector("[data-turn]").textContent = fork.querySelector("form").dataset.turn = button.dataset.fork;
    fork.showModal();
  } else if (button.dataset.ask) {
    const [title, why, yes] = ASKED[button.dataset.ask];
    sure.querySelector("h2").textContent = title;
    sure.querySelector("[data-sure-why]").textContent = why;
    sure.querySelector("[role=alert]").hidden = true;
    const go = sure.querySelector("[data-sure]");
    go.textContent = yes;
    go.dataset.sure = button.dataset.ask;
    sure.showModal();
  } else if (button.dataset.sure) {
    const what = button.dataset.sure;
    ask(`runs/${run}/${what}`).then((made) => { sure.close(); ASKED[what][3](made); }).catch((error) => wrong(sure, error));
  } else if ("close" in button.dataset) {
    button.closest("dialog").close();
  }
});

document.addEventListener("change", (event) => {
  if (event.target.matches("[data-go]")) location.assign(event.target.value);
});
