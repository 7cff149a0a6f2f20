// A menu with a field to search in; with "multiple" what was chosen stands before the field, each to be removed.

import { el, icon, newId } from "./dom.js";
import { CARET, CLOSE } from "./icons.js";
import { closePopUp, popUp } from "./menu.js";

const SEARCH_DELAY_MS = 200;

/**
 * Return a select.
 *
 * load(query) gives groups [{label, options: [{label, value}]}], or null when they could not be had.
 * chosen() gives the present choices [{label, value}]. choose(value) takes a new choice, "" clears it; with
 * "multiple" it takes the list of all that are chosen from then on.
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
  multiple = false,
  minimum = 0,
  describedBy,
  invalid,
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
    "aria-autocomplete": "list",
    "aria-describedby": describedBy,
    "aria-invalid": invalid ? "true" : null,
    "data-field": field,
    placeholder,
  });
  const chips = el("span", { class: "chips" });
  const clear = el(
    "button",
    { type: "button", class: "select-clear", "aria-label": "Clear selection", hidden: true },
    icon(CLOSE, 14),
  );
  const box = el(
    "div",
    { class: `select ${multiple ? "multiple" : ""}` },
    chips,
    input,
    clear,
    el("span", { class: "select-caret" }, icon(CARET)),
  );
  new Select({ input, placeholder, chips, clear, listId, load, chosen, choose, clearable, remote, multiple, minimum });
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
    this.clear.addEventListener("click", () => this.put(this.multiple ? [] : ""));
  }

  expanded() {
    return this.input.getAttribute("aria-expanded") === "true";
  }

  rest() {
    const chosen = this.chosen();
    this.input.value = this.multiple ? "" : (chosen[0]?.label ?? "");
    this.clear.hidden = !(this.clearable && chosen.length > 0);
    if (!this.multiple) return;
    this.chips.replaceChildren(...chosen.map((choice) => this.chip(choice)));
    this.input.placeholder = chosen.length > 0 ? "" : this.placeholder;
  }

  chip({ label, value }) {
    const remove = el(
      "button",
      { type: "button", class: "chip-remove", "aria-label": `Remove ${label}` },
      icon(CLOSE, 12),
    );
    remove.addEventListener("click", () => this.toggle(value));
    return el("span", { class: "chip" }, label, remove);
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
        this.entries.findIndex((entry) => this.isChosen(entry.value)),
      ),
    );
  }

  isChosen(value) {
    return this.chosen().some((choice) => choice.value === value);
  }

  entry(option) {
    const selected = this.isChosen(option.value);
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
    else if (event.key === "Backspace" && this.multiple && this.input.value === "") this.dropLast();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  take(value) {
    if (value === undefined) return undefined;
    return this.multiple ? this.toggle(value) : this.put(value);
  }

  toggle(value) {
    const chosen = this.chosen().map((choice) => choice.value);
    return this.put(chosen.includes(value) ? chosen.filter((one) => one !== value) : [...chosen, value]);
  }

  dropLast() {
    const last = this.chosen().at(-1);
    if (last) this.toggle(last.value);
  }

  async put(value) {
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
