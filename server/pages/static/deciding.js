// What deciding has in common wherever it is done: reading the arguments of an edit, and saying what was decided.

export const WORDS = { approve: "Approved", edit: "Approved with changes", reject: "Rejected", respond: "Answered" };

/** The arguments that were typed into a form, by name; what is no text is typed as JSON. */
export function typedIn(form) {
  return Object.fromEntries([...form.querySelectorAll("[data-kind]")].map((field) => [field.name, typed(field)]));
}

function typed(field) {
  if (field.dataset.kind === "text") return field.value;
  try {
    return JSON.parse(field.value);
  } catch {
    field.focus();
    throw new Error(`${field.name}: ${field.value || "nothing"} is not a value such as 12, true, "text", [1, 2] or null.`);
  }
}
