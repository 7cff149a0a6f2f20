// The app's own place: its Home tab, its direct messages, and a word about it.

import { renderBlocks } from "./blocks.js";
import { el, icon, swap } from "./dom.js";
import { WARNING } from "./icons.js";
import { MessageList } from "./messages.js";
import { Values } from "./values.js";

const ROLES = ["admin", "member", "guest", "deactivated"];
const TABS = { home: "Home", messages: "Messages", about: "About" };

/** Shows one app; "page" sends what the person does. */
export class AppPlace {
  constructor(page, direct, name) {
    this.page = page;
    this.tab = "home";
    this.values = new Values({});
    this.drawn = "";
    this.conversation = new MessageList(page, direct, name);
    this.tabs = Object.entries(TABS).map(([tab, label]) =>
      el(
        "button",
        {
          type: "button",
          role: "tab",
          id: `tab-${tab}`,
          "aria-controls": "app-panel",
          on: { click: () => this.choose(tab), keydown: (event) => this.moved(event) },
        },
        label,
      ),
    );
    this.panel = el("div", { id: "app-panel", role: "tabpanel", class: "scroller", tabindex: "-1" });
    this.node = el(
      "section",
      { class: "place", "aria-label": name },
      el(
        "header",
        { class: "place-head" },
        page.sidebarButton(),
        el("img", { src: "/static/app.svg", alt: "", class: "avatar small" }),
        el("h1", {}, name),
      ),
      el("div", { class: "tabs", role: "tablist", "aria-label": name }, this.tabs),
      this.panel,
    );
  }

  focus() {
    this.tabs.find((node) => node.tabIndex === 0)?.focus();
  }

  choose(tab) {
    this.tab = tab;
    if (tab !== "about") this.page.openHome(tab);
    this.page.redraw();
  }

  moved(event) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const names = Object.keys(TABS);
    const to = names[(names.indexOf(this.tab) + step + names.length) % names.length];
    this.choose(to);
    this.tabs[names.indexOf(to)].focus();
  }

  show(snapshot, people) {
    for (const node of this.tabs) {
      const selected = node.id === `tab-${this.tab}`;
      node.setAttribute("aria-selected", String(selected));
      node.tabIndex = selected ? 0 : -1;
    }
    this.panel.setAttribute("aria-labelledby", `tab-${this.tab}`);
    if (this.tab === "home") return this.showHome(snapshot.home, people);
    this.drawn = "";
    if (this.tab === "about") return swap(this.panel, () => this.panel.replaceChildren(this.about(snapshot)));
    this.showMessages(snapshot, people);
  }

  showMessages(snapshot, people) {
    const { conversation } = this;
    // Only what is on the page can be scrolled; what is put there again starts at the top.
    if (conversation.node.parentNode !== this.panel) {
      const off = el("p", { class: "composer-off" }, "Sending messages to this app has been turned off.");
      this.panel.replaceChildren(conversation.node, off);
      conversation.newest = null;
    }
    conversation.show(snapshot, people);
  }

  about({ app, people }) {
    const commands = app.commands.map((command) =>
      el("li", {}, el("code", {}, `${command.name} ${command.hint}`), ` ${command.description}`),
    );
    return el(
      "div",
      { class: "home" },
      el("h2", {}, app.name),
      el("p", {}, app.description),
      el("ul", {}, commands),
      el("h2", {}, "People in this workspace"),
      el("p", {}, "Change somebody's role to see how the app reacts, or deactivate them as if they had left."),
      el(
        "ul",
        { class: "roles" },
        people.filter((person) => !person.bot).map((person) => this.role(person)),
      ),
    );
  }

  role(person) {
    const id = `role-${person.id}`;
    const options = ROLES.map((role) => el("option", { value: role, selected: role === person.role }, role));
    const choice = el(
      "select",
      { id, "data-field": id, on: { change: () => this.page.changeRole(person.id, choice.value) } },
      options,
    );
    return el("li", {}, el("label", { for: id }, person.name), choice);
  }

  showHome(view, people) {
    const wanted = view ? JSON.stringify([view.id, view.hash, view.revision, view.warning]) : "empty";
    if (wanted === this.drawn) return;
    this.drawn = wanted;
    const scrolled = this.panel.scrollTop;
    swap(this.panel, () => this.panel.replaceChildren(view ? this.home(view, people) : waiting()));
    this.panel.scrollTop = scrolled;
  }

  home(view, people) {
    this.values.take(view.values);
    const place = { view: view.id };
    const around = {
      people,
      values: this.values,
      act: (block, element, raw) => this.page.act(place, block, element, raw, this.values),
      suggest: (block, element, query) => this.page.suggest(place, block, element, query),
    };
    const warning =
      view.warning && el("div", { class: "message-warning", role: "alert" }, icon(WARNING), view.warning);
    return el("div", { class: "home" }, warning || null, renderBlocks(view.blocks, around));
  }
}

function waiting() {
  return el(
    "div",
    { class: "home empty" },
    el("p", {}, "The app has not published its Home tab yet."),
  );
}
