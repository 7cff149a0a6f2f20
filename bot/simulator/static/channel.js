// One channel: its name, its messages, its composer.

import { Composer } from "./composer.js";
import { el } from "./dom.js";
import { MessageList } from "./messages.js";
import { welcome } from "./welcome.js";

/** Shows one channel; "page" sends what the person does. */
export class ChannelPlace {
  constructor(page, channel, app) {
    const label = `#${channel.name}`;
    this.list = new MessageList(page, channel.id, label);
    const say = (text) => page.say(channel.id, text);
    this.composer = new Composer(`Message ${label}`, app, page, say);
    this.start = el(
      "div",
      { class: "start" },
      el("h2", {}, label),
      el("p", {}, `${channel.topic}. Type / to run a command.`),
      channel.app ? welcome(app, say) : null,
    );
    this.list.node.prepend(this.start);
    this.node = el(
      "section",
      { class: "place", "aria-label": label },
      el(
        "header",
        { class: "place-head" },
        page.sidebarButton(),
        el("h1", {}, el("span", { class: "hash", "aria-hidden": "true" }, "# "), channel.name),
        el("span", { class: "topic" }, channel.topic),
      ),
      this.list.node,
      this.composer.node,
    );
  }

  show(snapshot, people) {
    this.list.show(snapshot, people);
  }

  focus() {
    this.composer.field.focus();
  }
}
