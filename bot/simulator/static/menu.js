// A menu or list that pops up beside a control, in the top layer of the page or of the open form.

import { el } from "./dom.js";

const GAP = 4;

let current = null;

/** Show a popup beside an anchor; only one is open at a time. Returns a function that closes it. */
export function popUp(anchor, content, { onClose = () => {}, width = null } = {}) {
  closePopUp();
  const layer = el("div", { class: "popup" }, content);
  (anchor.closest("dialog") ?? document.body).append(layer);
  place(layer, anchor, width);
  current = { layer, anchor, top: anchor.getBoundingClientRect().top, onClose };
  return closePopUp;
}

/** Close whatever is popped up. Returns whether something was. */
export function closePopUp() {
  if (!current) return false;
  const { layer, onClose } = current;
  current = null;
  layer.remove();
  onClose();
  return true;
}

/** Open a menu of {label, choose} items below a button; arrow keys move, Enter chooses, Esc closes. */
export function openMenu(button, items) {
  const entries = items.map((item) =>
    el(
      "button",
      {
        type: "button",
        role: "menuitem",
        tabindex: "-1",
        class: "menu-item",
        on: { click: () => choose(item) },
      },
      item.label,
    ),
  );
  const menu = el(
    "div",
    { role: "menu", class: "menu", on: { keydown: (event) => moveInMenu(event, entries, button) } },
    entries,
  );
  const choose = (item) => {
    closePopUp();
    button.focus();
    item.choose();
  };
  button.setAttribute("aria-expanded", "true");
  popUp(button, menu, { onClose: () => button.setAttribute("aria-expanded", "false") });
  entries[0]?.focus();
}

function moveInMenu(event, entries, button) {
  const at = entries.indexOf(document.activeElement);
  const target = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: -1 }[event.key];
  if (target !== undefined) {
    entries.at(target % entries.length).focus();
  } else if (event.key === "Escape" || event.key === "Tab") {
    closePopUp();
    button.focus();
  } else {
    return;
  }
  event.preventDefault();
  event.stopPropagation();
}

function place(layer, anchor, width) {
  const box = anchor.getBoundingClientRect();
  if (width) layer.style.width = `${box.width}px`;
  const below = window.innerHeight - box.bottom;
  const upward = below < layer.offsetHeight + GAP && box.top > below;
  const top = upward ? Math.max(GAP, box.top - layer.offsetHeight - GAP) : box.bottom + GAP;
  layer.style.top = `${top}px`;
  layer.style.left = `${Math.max(GAP, Math.min(box.left, window.innerWidth - layer.offsetWidth - 2 * GAP))}px`;
}

document.addEventListener("pointerdown", (event) => {
  if (current && !current.layer.contains(event.target) && !current.anchor.contains(event.target))
    closePopUp();
});
window.addEventListener("resize", closePopUp);
// A scroll that ended before the popup opened is told only after, and has moved nothing away from it.
document.addEventListener("scroll", () => current && hasMoved(current) && closePopUp(), true);

function hasMoved({ anchor, top }) {
  return Math.abs(anchor.getBoundingClientRect().top - top) >= 1;
}
