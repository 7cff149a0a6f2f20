// A menu with a field to search in: static, external and users selects.

import { el, icon, newId } from "./dom.js";
import { CARET, CLOSE } from "./icons.js";
import { closePopUp, popUp } from "./menu.js";

const SEARCH_DELAY_MS = 200;

/**
 * Return a select.
 *
 * load(query) gives groups [{label, options: [{label, value}]}], or null when they could not be had.
 * chosen() gives the label of the present choice or "", choose(value) takes a new one; "" clears it.
 */
export function select({
  id,
  label,
  field,
  placeholder,
  load,
  chosen,
  choose,
  clearable,
  remote,
  minimum = 0,
  describedBy,
}) {
  const listId = newId("list");
  const input = el("input", {
    id,
    class: "select-input",
    type: "text",
    role: "combobox",
    autocomplete: "off",
    "aria-expanded": "false",
    "aria-haspopup": "listbox",
    "aria-controls": listId,
    "aria-label": label,
    "aria-describedby": describedBy,
    "data-field": field,
    placeholder,
  });
  const clear = el(
    "button",
    { type: "button", class: "select-clear", "aria-label": "Clear selection", hidden: true },
    icon(CLOSE, 14),
  );
  const box = el(
    "div",
    { class: "select" },
    input,
    clear,
    el("span", { class: "select-caret" }, icon(CARET)),
  );
  new Select({ input, clear, listId, load, chosen, choose, clearable, remote, minimum });
  return box;
}

class Select {
  constructor(parts) {
    Object.assign(this, parts);
    this.active = -1;
    this.entries = [];
    this.rest();
    this.input.addEventListener("click", () => this.expanded() || this.open(""));
    this.input.addEventListener("input", () => this.search());
    this.input.addEventListener("keydown", (event) => this.pressed(event));
    this.input.addEventListener("blur", () => this.leave());
    this.clear.addEventListener("click", () => this.take(""));
  }

  expanded() {
    return this.input.getAttribute("aria-expanded") === "true";
  }

  rest() {
    this.input.value = this.chosen();
    this.clear.hidden = !(this.clearable && this.input.value);
  }

  search() {
    clearTimeout(this.timer);
    if (!this.remote) return this.open(this.input.value);
    this.timer = setTimeout(() => this.open(this.input.value), SEARCH_DELAY_MS);
  }

  async open(query) {
    this.input.setAttribute("aria-expanded", "true");
    if (!query) this.input.select();
    if (query.length < this.minimum) return this.show(note("Keep typing to search."));
    this.asked = query;
    const groups = await this.load(query);
    if (this.asked !== query || !this.expanded()) return;
    if (!groups) return this.show(note("Sorry, something went wrong. Try again."));
    this.list(groups);
  }

  list(groups) {
    this.entries = [];
    const nodes = groups.flatMap((group) => [
      group.label ? el("div", { class: "option-group", role: "presentation" }, group.label) : null,
      ...group.options.map((option) => this.entry(option)),
    ]);
    this.show(this.entries.length > 0 ? nodes : note("No items"));
    this.move(
      Math.max(
        0,
        this.entries.findIndex((entry) => entry.label === this.chosen()),
      ),
    );
  }

  entry(option) {
    const selected = option.label === this.chosen();
    const node = el(
      "div",
      { id: newId("option"), role: "option", class: "option", "aria-selected": String(selected) },
      option.label,
    );
    node.addEventListener("pointerdown", (event) => event.preventDefault());
    node.addEventListener("click", () => this.take(option.value));
    this.entries.push({ node, label: option.label, value: option.value });
    return node;
  }

  show(content) {
    const list = el("div", { id: this.listId, role: "listbox", class: "options" }, content);
    popUp(this.input.parentElement, list, {
      width: true,
      onClose: () => this.input.setAttribute("aria-expanded", "false"),
    });
    this.input.setAttribute("aria-expanded", "true");
  }

  move(to) {
    if (this.entries.length === 0) return;
    this.active = (to + this.entries.length) % this.entries.length;
    for (const [index, { node }] of this.entries.entries())
      node.classList.toggle("active", index === this.active);
    const { node } = this.entries[this.active];
    node.scrollIntoView({ block: "nearest" });
    this.input.setAttribute("aria-activedescendant", node.id);
  }

  pressed(event) {
    const expanded = this.expanded();
    if (event.key === "ArrowDown") expanded ? this.move(this.active + 1) : this.open("");
    else if (event.key === "ArrowUp") expanded ? this.move(this.active - 1) : this.open("");
    else if (event.key === "Enter") expanded ? this.take(this.entries[this.active]?.value) : this.open("");
    else if (event.key === "Escape" && expanded) this.leave();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  async take(value) {
    if (value === undefined) return;
    this.collapse();
    await this.choose(value);
    this.rest();
    this.input.focus();
  }

  leave() {
    if (this.expanded()) this.collapse();
    this.rest();
  }

  collapse() {
    clearTimeout(this.timer);
    this.asked = null;
    closePopUp();
    this.input.setAttribute("aria-expanded", "false");
    this.input.removeAttribute("aria-activedescendant");
  }
}

function note(text) {
  return el("div", { class: "option-note", role: "status" }, text);
}
