// Where a person writes: Enter sends, "/" offers the app's commands, the up arrow brings back the last one.

import { el, icon } from "./dom.js";
import { SEND, SLASH } from "./icons.js";

/** The composer of one channel; send(text) takes what was written. */
export class Composer {
  constructor(label, commands, history, send) {
    this.commands = commands;
    this.history = history;
    this.send = send;
    this.recalled = 0;
    this.active = 0;
    this.field = el("textarea", {
      class: "composer-field",
      rows: 1,
      "aria-label": label,
      placeholder: label,
      "aria-autocomplete": "list",
      "aria-controls": "commands",
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
      { type: "button", class: "slash", "aria-label": "Run a command", on: { click: () => this.begin() } },
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

  begin() {
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
    this.offers.replaceChildren(...commands.map((command, index) => this.offered(command, index)));
  }

  offered(command, index) {
    const node = el(
      "div",
      { class: "command", role: "option", "aria-selected": String(index === this.active) },
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

  submit() {
    const text = this.field.value.trim();
    if (!text) return;
    this.history.push(text);
    this.recalled = 0;
    this.write("");
    this.send(text);
  }
}
