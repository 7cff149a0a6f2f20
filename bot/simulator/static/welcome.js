// What a new channel says instead of being empty: what this is, where to begin, how to end it.

import { el } from "./dom.js";

const STARTS = [
  ["", "Show the integrations"],
  [" add", "Add an integration"],
  [" help", "See every command"],
];

/** Return the opening message; run(command) types a command for the person. */
export function welcome(app, run) {
  const [{ name }] = app.commands;
  const buttons = STARTS.map(([words, label], index) =>
    el(
      "button",
      {
        type: "button",
        class: `button ${index === 0 ? "primary" : ""}`,
        title: `Types ${name}${words}`,
        on: { click: () => run(`${name}${words}`) },
      },
      label,
    ),
  );
  return el(
    "section",
    { class: "message welcome", "aria-label": `Welcome to ${app.name}` },
    el("img", { class: "avatar", src: "/static/app.svg", alt: "" }),
    el(
      "div",
      { class: "message-body" },
      el(
        "div",
        { class: "message-head" },
        el("span", { class: "author" }, app.name),
        el("span", { class: "app-badge" }, "APP"),
      ),
      el("p", {}, `Welcome! This is ${app.name} with a simulated Slack, on your computer only.`),
      el(
        "p",
        {},
        "The app, its store and the registries it asks are real. Type ",
        el("code", {}, name),
        " below, or start here:",
      ),
      el("div", { class: "block actions" }, buttons),
      el(
        "p",
        { class: "welcome-end" },
        "Use ",
        el("em", {}, "Acting as"),
        " to see the app as an admin, a member or a guest. To stop it, press Ctrl+C in the terminal.",
      ),
    ),
  );
}
