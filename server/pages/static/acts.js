// Buttons that ask the API for something, on pages that otherwise only show; the part that they are in is shown anew.

import { ask } from "./api.js";
import { say } from "./toast.js";
import "./app.js";

async function act(what, body) {
  const { ask: path, sure, said } = what.dataset;
  if (sure && !confirm(sure)) return;
  const button = what.matches("button") ? what : what.querySelector("button");
  button.disabled = true;
  try {
    const answer = await ask(path, body);
    const held = answer?.in_force?.length ? ` ${answer.in_force.join(", ")} goes by it from now on.` : "";
    say(`${said}${held}`);
  } catch (error) {
    say(error.message, { bad: true });
  } finally {
    button.disabled = false;
  }
  what.closest("[hx-get]")?.dispatchEvent(new CustomEvent("live"));
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-ask]");
  if (button) act(button, {});
});

document.addEventListener("submit", (event) => {
  const form = event.target.closest("form[data-ask]");
  if (!form) return;
  event.preventDefault();
  act(form, Object.fromEntries(new FormData(form)));
});

// what somebody has opened is not closed under their eyes: a part that is asked for by the clock waits meanwhile
document.addEventListener("htmx:beforeRequest", (event) => {
  const asked = event.detail.requestConfig.triggeringEvent;
  if (!asked && event.target.querySelector("details[open]")) event.preventDefault();
});
