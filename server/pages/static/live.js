// One stream a tab says what has changed; what shows it is asked for again. Nothing is lost when the server is gone for
// a while: the stream goes on behind the last thing that it told, or everything is asked for anew.

import { base, signIn } from "./api.js";

const banner = document.getElementById("lost");
const listeners = [];
const heard = [];
let wanted = "", stream, lost, mark = document.body.dataset.mark;

/** Be told of each change: `told(topics)`, a Set of ids and names of lists; null when anything may have changed. */
export function onChange(told) {
  listeners.push(told);
}

/** Hear what the model of a run says as it comes: `heard(piece)`, with its turn and text; an empty text begins anew. */
export function hear(run, hears) {
  wanted = run;
  heard.push(hears);
}

function tell(topics) {
  for (const place of document.querySelectorAll("[data-live]")) {
    const wanted = place.dataset.live.split(" ");
    if (topics === null || wanted.some((one) => topics.has(one))) place.dispatchEvent(new CustomEvent("live"));
  }
  for (const told of listeners) told(topics);
}

function connect() {
  stream = new EventSource(`${base}/live?after=${mark}${wanted && `&run=${wanted}`}`);
  const told = (event) => { mark = event.lastEventId || mark; };
  for (const kind of ["changed", "all"]) stream.addEventListener(kind, told);
  stream.addEventListener("changed", (event) => tell(new Set(JSON.parse(event.data))));
  stream.addEventListener("all", () => tell(null));
  stream.addEventListener("piece", (event) => { for (const hears of heard) hears(JSON.parse(event.data)); });
  stream.addEventListener("open", found);
  stream.addEventListener("error", miss);
}

function found() {
  clearTimeout(lost);
  lost = undefined;
  if (!banner.hidden) {
    banner.hidden = true;
    tell(null);
  }
}

function miss() {
  lost ??= setTimeout(() => { banner.hidden = false; }, 1500);
  if (stream.readyState === EventSource.CLOSED) setTimeout(again, 2000);
}

async function again() {
  try {
    const answer = await fetch(`${base}/api/v1/session`);
    if (answer.status === 401) signIn();
    else connect();
  } catch {
    setTimeout(again, 2000);
  }
}

addEventListener("pagehide", () => stream?.close());
addEventListener("pageshow", (event) => { if (event.persisted) connect(); });
// behind the scripts of the page, which say what they want to hear
if (banner) setTimeout(connect);
