// The question that an element may ask before it acts.

import { el, newId } from "./dom.js";
import { textNodes } from "./text.js";

/** Ask the question of a confirm object; without one the answer is yes. */
export function askFirst(confirm, people) {
  if (!confirm) return Promise.resolve(true);
  return new Promise((resolve) => {
    const titleId = newId("confirm");
    const yes = el(
      "button",
      { type: "button", class: `button ${confirm.style === "danger" ? "danger" : "primary"}` },
      textNodes(confirm.confirm, people),
    );
    const no = el("button", { type: "button", class: "button" }, textNodes(confirm.deny, people));
    const dialog = el(
      "dialog",
      { class: "dialog confirm", "aria-labelledby": titleId },
      el("h2", { id: titleId, class: "dialog-title" }, textNodes(confirm.title, people)),
      el("div", { class: "dialog-body" }, textNodes(confirm.text, people)),
      el("div", { class: "dialog-foot" }, no, yes),
    );
    let answer = false;
    yes.addEventListener("click", () => {
      answer = true;
      dialog.close();
    });
    no.addEventListener("click", () => dialog.close());
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(answer);
    });
    document.body.append(dialog);
    dialog.showModal();
    yes.focus();
  });
}
