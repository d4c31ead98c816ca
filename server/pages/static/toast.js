// Short words about what has just happened, at the edge of the page.

const place = document.getElementById("toasts");

/** Say something for a while; `action` is a button of that name that does `act`. Gives a function that takes it away. */
export function say(text, { bad = false, seconds = bad ? 12 : 5, action = "", act = () => {} } = {}) {
  const toast = document.createElement("div");
  toast.className = bad ? "toast bad" : "toast";
  const words = document.createElement("span");
  words.textContent = text;
  toast.append(words);
  if (bad) toast.setAttribute("role", "alert");
  const away = () => toast.remove();
  if (action || bad) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "small";
    button.textContent = action || "Close";
    button.addEventListener("click", () => { away(); act(); });
    toast.append(button);
  }
  place.append(toast);
  setTimeout(away, seconds * 1000);
  return away;
}
