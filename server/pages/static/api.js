// Asking the API, as any other client does; what goes wrong is said in its own words.

export const base = document.body.dataset.base;

let token = null;

async function csrf() {
  if (token === null) {
    const answer = await fetch(`${base}/api/v1/session`);
    if (answer.status === 401) signIn();
    token = (await answer.json()).csrf ?? "";
  }
  return token;
}

/** Ask for a page of ours by whoever is signed out; they come back to where they were. */
export function signIn() {
  location.assign(`${base}/sign-in?next=${encodeURIComponent(location.pathname + location.search)}`);
}

/** Ask the API for a change; gives its answer, or throws an Error whose message is for people. */
export async function ask(path, body = {}, method = "POST") {
  let answer;
  try {
    const headers = { "content-type": "application/json", "x-csrf-token": await csrf() };
    answer = await fetch(`${base}/api/v1/${path}`, { method, headers, body: JSON.stringify(body) });
  } catch {
    throw new Error("The server is not reached. Nothing was sent; try again when the connection is back.");
  }
  if (answer.status === 204) return null;
  const said = await answer.json().catch(() => ({}));
  if (answer.status === 401) signIn();
  if (!answer.ok) throw Object.assign(new Error(said.error?.message ?? `The server answered ${answer.status}.`), { status: answer.status });
  return said;
}
