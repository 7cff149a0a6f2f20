// Where a person writes: Enter sends, "/" offers the app's commands, the up arrow brings back the last one.

import { el, icon, newId } from "./dom.js";
import { SEND, SLASH } from "./icons.js";
import { openMenu } from "./menu.js";

/** The composer of one channel; send(text) takes what was written, "page" runs shortcuts. */
export class Composer {
  constructor(label, app, page, send) {
    this.commands = app.commands;
    this.shortcuts = app.shortcuts.filter((shortcut) => shortcut.type === "global");
    this.page = page;
    this.history = page.history;
    this.send = send;
    this.recalled = 0;
    this.active = 0;
    this.field = el("textarea", {
      class: "composer-field",
      rows: 1,
      role: "combobox",
      "aria-label": label,
      placeholder: label,
      "aria-autocomplete": "list",
      "aria-controls": "commands",
      "aria-expanded": "false",
      "data-field": "composer",
      on: { input: () => this.typed(), keydown: (event) => this.pressed(event), blur: () => this.offer([]) },
    });
    this.offers = el("div", {
      id: "commands",
      class: "commands",
      role: "listbox",
      "aria-label": "Commands",
      hidden: true,
    });
    this.sendButton = el(
      "button",
      {
        type: "button",
        class: "send",
        "aria-label": "Send now",
        disabled: true,
        on: { click: () => this.submit() },
      },
      icon(SEND),
    );
    const slash = el(
      "button",
      {
        type: "button",
        class: "slash",
        "aria-label": this.shortcuts.length > 0 ? "Shortcuts and commands" : "Run a command",
        "aria-haspopup": this.shortcuts.length > 0 ? "menu" : null,
        on: { click: () => this.begin(slash) },
      },
      icon(SLASH),
    );
    this.node = el(
      "div",
      { class: "composer-space" },
      this.offers,
      el(
        "div",
        { class: "composer" },
        this.field,
        el("div", { class: "composer-foot" }, slash, this.sendButton),
      ),
    );
  }

  begin(button) {
    if (this.shortcuts.length === 0) return this.beginCommand();
    const commands = this.commands.map((command) => ({
      label: command.name,
      choose: () => this.complete(command),
    }));
    const shortcuts = this.shortcuts.map(({ name, callback_id: id }) => ({
      label: name,
      choose: () => this.page.shortcut(id),
    }));
    return openMenu(button, [...shortcuts, ...commands]);
  }

  beginCommand() {
    this.write(this.field.value.startsWith("/") ? this.field.value : "/");
    this.field.focus();
  }

  write(text) {
    this.field.value = text;
    this.typed();
  }

  typed() {
    this.field.style.height = "auto";
    this.field.style.height = `${this.field.scrollHeight}px`;
    this.sendButton.disabled = this.field.value.trim() === "";
    const [name] = this.field.value.split(" ");
    const typing = this.field.value.startsWith("/");
    this.offer(typing ? this.commands.filter((command) => command.name.startsWith(name)) : []);
  }

  offer(commands) {
    this.shown = commands;
    this.active = 0;
    this.offers.hidden = commands.length === 0;
    this.field.setAttribute("aria-expanded", String(commands.length > 0));
    const nodes = commands.map((command, index) => this.offered(command, index));
    this.offers.replaceChildren(...nodes);
    if (nodes.length > 0) this.field.setAttribute("aria-activedescendant", nodes[this.active].id);
    else this.field.removeAttribute("aria-activedescendant");
  }

  offered(command, index) {
    const node = el(
      "div",
      { id: newId("command"), class: "command", role: "option", "aria-selected": String(index === this.active) },
      el("img", { src: "/static/app.svg", alt: "", class: "avatar small" }),
      el(
        "div",
        {},
        el(
          "div",
          {},
          el("strong", {}, command.name),
          " ",
          el("span", { class: "command-hint" }, command.hint),
        ),
        el("div", { class: "command-note" }, command.description),
      ),
    );
    node.addEventListener("pointerdown", (event) => event.preventDefault());
    node.addEventListener("click", () => this.complete(command));
    return node;
  }

  complete(command) {
    this.write(`${command.name} `);
    this.field.focus();
  }

  /** Say whether the name of a command is still being typed. */
  unfinished() {
    return (
      this.shown?.length > 0 &&
      this.field.value !== this.shown[this.active].name &&
      !this.field.value.includes(" ")
    );
  }

  pressed(event) {
    if (event.isComposing) return;
    if ((event.key === "Enter" || event.key === "Tab") && this.unfinished())
      this.complete(this.shown[this.active]);
    else if (event.key === "Enter" && !event.shiftKey) this.submit();
    else if (event.key === "Escape") this.offer([]);
    else if (event.key === "ArrowUp" && (this.field.value === "" || this.recalled > 0)) this.recall(1);
    else if (event.key === "ArrowDown" && this.recalled > 0) this.recall(-1);
    else return;
    event.preventDefault();
  }

  recall(step) {
    this.recalled = Math.max(0, Math.min(this.history.length, this.recalled + step));
    this.write(this.recalled > 0 ? this.history.at(-this.recalled) : "");
  }

  /** Send what was written; it comes back when it was not taken. */
  async submit() {
    const text = this.field.value.trim();
    if (!text) return;
    this.history.push(text);
    this.recalled = 0;
    this.write("");
    const isTaken = (await this.send(text)) !== undefined;
    if (!isTaken && this.field.value === "") this.write(text);
  }
}
