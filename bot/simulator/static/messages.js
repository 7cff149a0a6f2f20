// The messages of one channel or direct conversation, redrawn only where something changed.

import { renderBlocks } from "./blocks.js";
import { clockTime, dayName, moment } from "./dates.js";
import { el, icon, swap } from "./dom.js";
import { BUBBLE, DOTS, EYE, FILE, REPLY, WARNING } from "./icons.js";
import { openMenu } from "./menu.js";
import { mrkdwn } from "./text.js";
import { Values } from "./values.js";

const NEAR_BOTTOM_PX = 80;
const SLACKBOT = { id: "USLACKBOT", name: "Slackbot", bot: true };

/** One conversation's messages; "page" sends what is pressed in them. */
export class MessageList {
  constructor(page, place, label) {
    this.page = page;
    this.place = place;
    this.drawn = new Map();
    this.list = el("div", { class: "messages", role: "log", "aria-live": "polite", "aria-label": label });
    this.node = el(
      "div",
      { class: "scroller", tabindex: "0", "aria-label": `Messages in ${label}`, role: "region" },
      this.list,
    );
  }

  /** Draw the messages of the snapshot; the view stays at the bottom when it was there. */
  show(snapshot, people) {
    const messages = snapshot.messages.filter((message) => message.channel === this.place);
    const atBottom = this.node.scrollHeight - this.node.scrollTop - this.node.clientHeight < NEAR_BOTTOM_PX;
    const newest = messages.at(-1)?.ts;
    const nodes = messages.flatMap((message, index) => [
      this.dayLine(messages[index - 1], message),
      this.current(message, people),
    ]);
    this.arrange(nodes.filter(Boolean));
    if (atBottom || newest !== this.newest) this.node.scrollTop = this.node.scrollHeight;
    this.newest = newest;
  }

  arrange(nodes) {
    const wanted = new Set(nodes);
    for (const node of [...this.list.children]) if (!wanted.has(node)) node.remove();
    for (const [index, node] of nodes.entries()) {
      if (this.list.children[index] !== node) this.list.insertBefore(node, this.list.children[index] ?? null);
    }
  }

  dayLine(before, message) {
    const day = moment(message.ts);
    if (before && moment(before.ts).toDateString() === day.toDateString()) return null;
    this.days ??= new Map();
    const key = day.toDateString();
    if (!this.days.has(key)) this.days.set(key, el("div", { class: "day" }, el("span", {}, dayName(day))));
    return this.days.get(key);
  }

  current(message, people) {
    const kept = this.drawn.get(message.ts);
    if (kept?.revision === message.revision) return kept.node;
    const node = kept?.node ?? el("article", { class: "message" });
    const values = kept?.values ?? new Values({});
    values.take(message.values);
    swap(node, () => this.draw(node, message, people, values));
    this.drawn.set(message.ts, { node, values, revision: message.revision });
    return node;
  }

  draw(node, message, people, values) {
    const author = message.kind === "slackbot" ? SLACKBOT : people.find(message.author);
    node.className = `message ${message.ephemeral ? "ephemeral" : ""} ${message.kind}`;
    node.setAttribute("aria-label", `${author.name}, ${clockTime(moment(message.ts))}`);
    node.replaceChildren(
      avatar(author),
      el(
        "div",
        { class: "message-body" },
        message.ephemeral && el("div", { class: "only-you" }, icon(EYE, 14), "Only visible to you"),
        this.head(author, message),
        message.reply && el("div", { class: "only-you" }, icon(REPLY, 14), "Replied in a thread"),
        message.kind === "refused" ? refusal(message) : this.content(message, people, values),
        message.files.map(attached),
        message.warning &&
          el("div", { class: "message-warning", role: "alert" }, icon(WARNING), message.warning),
      ),
    );
  }

  head(author, message) {
    return el(
      "div",
      { class: "message-head" },
      el("span", { class: "author" }, author.name),
      author.bot && el("span", { class: "app-badge" }, "APP"),
      el("time", { class: "time" }, clockTime(moment(message.ts))),
      message.ephemeral &&
        el(
          "button",
          {
            type: "button",
            class: "dismiss",
            on: { click: () => this.page.dismiss(message.ts) },
          },
          "Dismiss message",
        ),
      message.kind === "message" && !message.ephemeral && this.more(message),
    );
  }

  /** The menu of a message that everybody sees: the app's message shortcuts. */
  more(message) {
    const shortcuts = this.page.snapshot.app.shortcuts.filter((shortcut) => shortcut.type === "message");
    if (shortcuts.length === 0) return null;
    const button = el(
      "button",
      {
        type: "button",
        class: "dismiss more",
        "aria-label": "More actions",
        "aria-haspopup": "menu",
        "aria-expanded": "false",
        on: {
          click: () =>
            openMenu(
              button,
              shortcuts.map(({ name, callback_id: id }) => ({
                label: name,
                choose: () => this.page.messageShortcut(message.ts, id),
              })),
            ),
        },
      },
      icon(DOTS, 18),
    );
    return button;
  }

  content(message, people, values) {
    const place = { ts: message.ts };
    const around = {
      people,
      values,
      act: (block, element, raw) => this.page.act(place, block, element, raw, values),
      suggest: (block, element, query) => this.page.suggest(place, block, element, query),
    };
    const edited = message.edited && el("span", { class: "edited" }, " (edited)");
    if (message.blocks.length === 0)
      return el("div", { class: "text" }, mrkdwn(message.text, people), edited);
    return el("div", { class: "blocks" }, renderBlocks(message.blocks, around), edited);
  }
}

function attached(file) {
  return el(
    "a",
    { class: "file", href: `/files/${file.id}`, download: file.name },
    icon(FILE, 20),
    el(
      "span",
      {},
      el("strong", {}, file.title),
      el("span", { class: "file-note" }, `${file.name} · ${sizeOf(file.size)}`),
    ),
  );
}

function sizeOf(bytes) {
  return bytes < 1024 ? `${bytes} bytes` : `${Math.round(bytes / 102.4) / 10} kB`;
}

/** Return the picture of a person or app. */
export function avatar(person, small = false) {
  const size = small ? "small" : "";
  if (person.id === "USLACKBOT")
    return el("span", { class: `avatar slackbot ${size}`, "aria-hidden": "true" }, icon(BUBBLE, 20));
  if (person.bot) return el("img", { class: `avatar ${size}`, src: "/static/app.svg", alt: "" });
  const initials = person.name
    .split(" ")
    .map((word) => word[0])
    .join("");
  return el("span", { class: `avatar person-${person.handle} ${size}`, "aria-hidden": "true" }, initials);
}

/** Return the red box that stands where Slack would have refused something. */
export function refusal({ text, details }) {
  return el(
    "div",
    { class: "refusal" },
    el("strong", {}, text),
    el(
      "ul",
      {},
      details.map((detail) => el("li", {}, detail)),
    ),
  );
}
