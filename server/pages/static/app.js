// What every page does: live parts, signing out, and saying what went wrong.

import { ask, base } from "./api.js";
import { say } from "./toast.js";
import "./live.js";

document.addEventListener("click", async (event) => {
  if (!event.target.closest("[data-sign-out]")) return;
  await ask("session", {}, "DELETE").catch(() => {});
  location.assign(`${base}/sign-in`);
});

document.addEventListener("htmx:responseError", (event) => {
  const status = event.detail.xhr.status;
  if (status !== 401) say(`This part could not be shown (${status}). Reload the page.`, { bad: true });
});

document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details.who[open], details.more-actions[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});
