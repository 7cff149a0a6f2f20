// The left side: the workspace, its channels, its app, and who is acting.

import { el } from "./dom.js";
import { avatar } from "./messages.js";

/** Return the sidebar's content. "page" holds the place shown and takes the choices. */
export function sidebar(page, snapshot, people) {
  return [
    el("div", { class: "workspace" }, snapshot.workspace),
    el(
      "div",
      { class: "side-scroll" },
      el("h2", { class: "side-title" }, "Channels"),
      snapshot.channels.map((channel) =>
        row(page, channel.id, el("span", { class: "hash", "aria-hidden": "true" }, "#"), channel.name),
      ),
      el("h2", { class: "side-title" }, "Apps"),
      row(page, "app", el("img", { src: "/static/app.svg", alt: "", class: "side-icon" }), snapshot.app.name),
    ),
    actingAs(page, snapshot, people),
  ];
}

function row(page, place, picture, name) {
  const here = page.place === place;
  const unread = page.unread(place);
  return el(
    "button",
    {
      type: "button",
      class: `side-row ${here ? "here" : ""} ${unread ? "unread" : ""}`,
      "aria-current": here ? "page" : null,
      "data-field": `place-${place}`,
      on: { click: () => page.go(place) },
    },
    picture,
    el("span", {}, name),
  );
}

function actingAs(page, snapshot, people) {
  const options = snapshot.people
    .filter(({ id, bot, role }) => id === snapshot.me || !(bot || role === "deactivated"))
    .map((person) =>
      el(
        "option",
        { value: person.id, selected: person.id === snapshot.me },
        `${person.name} · ${person.role}`,
      ),
    );
  const choice = el(
    "select",
    { id: "acting-as", "data-field": "acting-as", on: { change: () => page.actAs(choice.value) } },
    options,
  );
  return el(
    "div",
    { class: "acting" },
    avatar(people.find(snapshot.me), true),
    el("div", { class: "acting-choice" }, el("label", { for: "acting-as" }, "Acting as"), choice),
  );
}
