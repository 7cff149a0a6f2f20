// Interactive elements: buttons, menus, fields, ticks. Each is given its block and its surroundings.
//
// surroundings: {people, values, act(block, element, raw), suggest(block, element, query)}

import { askFirst } from "./confirm.js";
import { el, icon, newId } from "./dom.js";
import { DOTS } from "./icons.js";
import { openMenu } from "./menu.js";
import { select } from "./select.js";
import { lineOf, textNodes } from "./text.js";
import { fieldKey } from "./values.js";

const DEFAULT_MINIMUM = 3;
const PLEASE = "Select an option";
const FIELD_TYPES = { email_text_input: "email", url_text_input: "url", number_input: "number" };

const MAKERS = {
  button: (use) => button(use),
  overflow: (use) => overflow(use),
  plain_text_input: (use) => textField(use),
  email_text_input: (use) => textField(use),
  url_text_input: (use) => textField(use),
  number_input: (use) => textField(use),
  static_select: (use) => optionSelect(use),
  multi_static_select: (use) => optionSelect(use),
  external_select: (use) => externalSelect(use),
  multi_external_select: (use) => externalSelect(use),
  users_select: (use) => listedSelect(use, people(use)),
  multi_users_select: (use) => listedSelect(use, people(use)),
  conversations_select: (use) => listedSelect(use, conversations(use)),
  multi_conversations_select: (use) => listedSelect(use, conversations(use)),
  channels_select: (use) => listedSelect(use, channels(use)),
  multi_channels_select: (use) => listedSelect(use, channels(use)),
  checkboxes: (use) => ticks(use, "checkbox"),
  radio_buttons: (use) => ticks(use, "radio"),
  datepicker: (use) => timeField(use, "date"),
  timepicker: (use) => timeField(use, "time"),
  datetimepicker: (use) => timeField(use, "datetime-local"),
  image: ({ element }) => picture(element),
};

/** Return the node of an element. "input" says how the element stands in an input block. */
export function renderElement(element, block, around, input = {}) {
  const make = MAKERS[element.type];
  const key = fieldKey(block.block_id, element.action_id);
  return make ? make({ element, block, around, key, input }) : unknown(element.type);
}

/** Return an image; pictures from elsewhere are not fetched, their description stands in their place. */
export function picture(element, css = "picture-small") {
  return el(
    "span",
    { class: `${css} picture-text`, role: "img", "aria-label": element.alt_text },
    element.alt_text,
  );
}

/** Say that the page cannot draw something. */
export function unknown(type) {
  return el("span", { class: "unknown" }, `The try page does not draw "${type}".`);
}

function button({ element, block, around }) {
  const node = el(
    "button",
    {
      type: "button",
      class: `button ${element.style ?? ""}`,
      "aria-label": element.accessibility_label,
      "data-field": fieldKey(block.block_id, element.action_id),
    },
    textNodes(element.text, around.people),
  );
  node.addEventListener("click", async () => {
    if (!(await askFirst(element.confirm, around.people))) return;
    if (element.url) window.open(element.url, "_blank", "noopener,noreferrer");
    busy(node, around.act(block, element, null));
  });
  return node;
}

function overflow({ element, block, around }) {
  const node = el(
    "button",
    {
      type: "button",
      class: "button overflow",
      "aria-label": "More options",
      "aria-haspopup": "menu",
      "aria-expanded": "false",
      "data-field": fieldKey(block.block_id, element.action_id),
    },
    icon(DOTS, 20),
  );
  node.addEventListener("click", () =>
    openMenu(
      node,
      element.options.map((option) => ({
        label: textNodes(option.text, around.people),
        choose: async () => {
          if (!(await askFirst(element.confirm, around.people))) return;
          if (option.url) window.open(option.url, "_blank", "noopener,noreferrer");
          busy(node, around.act(block, element, option.value));
        },
      })),
    ),
  );
  return node;
}

async function busy(node, work) {
  node.classList.add("busy");
  await work;
  node.classList.remove("busy");
}

function textField({ element, block, around, key, input }) {
  const shared = {
    id: input.id,
    class: "field",
    "data-field": key,
    placeholder: lineOf(element.placeholder),
    autocomplete: "off",
    spellcheck: "false",
    "aria-label": input.id ? null : lineOf(element.placeholder),
    "aria-describedby": input.describedBy,
    "aria-invalid": input.error ? "true" : null,
    "aria-required": input.required ? "true" : null,
  };
  const node = element.multiline
    ? el("textarea", { ...shared, rows: 4 })
    : el("input", { ...shared, type: FIELD_TYPES[element.type] ?? "text" });
  node.value = around.values.get(key);
  node.addEventListener("input", () => typed({ element, block, around, key }, node));
  node.addEventListener("keydown", (event) => entered(event, { element, block, around }, node));
  return node;
}

function typed({ element, block, around, key }, node) {
  around.values.set(key, node.value);
  if (reports(block, element, "on_character_entered")) around.act(block, element, node.value);
}

function entered(event, { element, block, around }, node) {
  if (event.key !== "Enter" || event.isComposing || element.multiline) return;
  if (!reports(block, element, "on_enter_pressed")) return;
  event.preventDefault();
  event.stopPropagation();
  around.act(block, element, node.value);
}

function reports(block, element, moment) {
  const moments = element.dispatch_action_config?.trigger_actions_on ?? ["on_enter_pressed"];
  return (block.type !== "input" || block.dispatch_action) && moments.includes(moment);
}

function optionSelect(use) {
  const { element, around, key } = use;
  const groups = element.option_groups ?? [{ options: element.options }];
  for (const group of groups) around.values.offer(key, group.options);
  return baseSelect(use, { load: async (query) => shownGroups(groups, query) });
}

function externalSelect(use) {
  const { element, block, around, key } = use;
  const load = async (query) => {
    const answer = await around.suggest(block, element, query);
    if (!answer || answer.error) return null;
    const groups = answer.option_groups ?? [{ options: answer.options ?? [] }];
    for (const group of groups) around.values.offer(key, group.options);
    return shownGroups(groups, "");
  };
  return baseSelect(use, { load, remote: true, minimum: element.min_query_length ?? DEFAULT_MINIMUM });
}

/** A menu whose options the workspace itself has. */
function listedSelect(use, options) {
  use.around.values.offer(use.key, options);
  return baseSelect(use, { load: async (query) => shownGroups([{ options }], query) });
}

function people({ around }) {
  return around.people.snapshot.people.map(({ id, name }) => named(name, id));
}

function channels({ around }) {
  return around.people.snapshot.channels.map(({ id, name }) => named(`#${name}`, id));
}

function conversations(use) {
  const { include = ["public", "im"], exclude_bot_users: withoutBots = false } = use.element.filter ?? {};
  const { snapshot } = use.around.people;
  const direct = snapshot.people
    .filter(({ bot }) => !(bot && withoutBots))
    .map(({ id, name }) => named(name, id));
  return [...(include.includes("public") ? channels(use) : []), ...(include.includes("im") ? direct : [])];
}

function named(text, value) {
  return { text: { type: "plain_text", text, emoji: false }, value };
}

function baseSelect({ element, block, around, key, input }, more) {
  const multiple = element.type.startsWith("multi_");
  return select({
    id: input.id,
    field: key,
    describedBy: input.describedBy,
    invalid: input.error,
    multiple,
    label: input.id
      ? null
      : lineOf(element.placeholder) || lineOf(block.text).replace(/[*_~`]/g, "") || PLEASE,
    placeholder: lineOf(element.placeholder) || (multiple ? "Select options" : PLEASE),
    clearable: block.optional === true || multiple,
    chosen: () =>
      [around.values.get(key)]
        .flat()
        .filter(Boolean)
        .map((value) => ({ value, label: lineOf(around.values.option(key, value)?.text) || value })),
    choose: (value) => changed({ element, block, around, key }, value),
    ...more,
  });
}

function shownGroups(groups, query) {
  const wanted = query.trim().toLowerCase();
  const labelled = groups.map((group) => ({
    label: lineOf(group.label),
    options: group.options.map((option) => ({ label: lineOf(option.text), value: option.value })),
  }));
  for (const group of labelled)
    group.options = group.options.filter(({ label }) => label.toLowerCase().includes(wanted));
  return labelled.filter((group) => group.options.length > 0);
}

/** Take a new value, once the element's question is answered; returns whether it was. */
async function changed({ element, block, around, key }, value) {
  if (!(await askFirst(element.confirm, around.people))) return false;
  around.values.set(key, value);
  if (block.type !== "input" || block.dispatch_action) around.act(block, element, value);
  return true;
}

function ticks(use, type) {
  const { element, around, key } = use;
  const name = newId("choice");
  const rows = element.options.map((option, index) => {
    const box = el("input", {
      type,
      name,
      value: option.value,
      "data-field": `${key}/${index}`,
      "aria-invalid": use.input.error ? "true" : null,
    });
    box.addEventListener("change", async () => {
      if (!(await changed(use, ticked(rows, type)))) show();
    });
    const described =
      option.description &&
      el("span", { class: "tick-description" }, textNodes(option.description, around.people));
    return el(
      "label",
      { class: "tick" },
      box,
      el("span", {}, textNodes(option.text, around.people), described),
    );
  });
  const show = () => {
    const chosen = [around.values.get(key)].flat();
    for (const row of rows) row.firstChild.checked = chosen.includes(row.firstChild.value);
  };
  show();
  // In a form the fieldset around it groups and names it.
  const title = use.input.id ? "" : lineOf(use.block.text).replace(/[*_~`]/g, "");
  const group = title ? { role: type === "radio" ? "radiogroup" : "group", "aria-label": title } : {};
  return el("div", { class: "ticks", ...group }, rows);
}

function ticked(rows, type) {
  const boxes = rows.map((row) => row.querySelector("input"));
  const values = boxes.filter((box) => box.checked).map((box) => box.value);
  return type === "radio" ? (values[0] ?? "") : values;
}

function timeField(use, type) {
  const { element, around, key, input } = use;
  const node = el("input", {
    id: input.id,
    class: "field",
    type,
    "data-field": key,
    "aria-label": input.id ? null : lineOf(element.placeholder) || lineOf(use.block.text) || "Date",
    "aria-describedby": input.describedBy,
    "aria-invalid": input.error ? "true" : null,
  });
  const show = () => {
    const raw = around.values.get(key);
    node.value = type === "datetime-local" && raw ? localTime(Number(raw)) : raw;
  };
  show();
  node.addEventListener("change", async () => {
    const seconds = type === "datetime-local" && node.value ? Date.parse(node.value) / 1000 : null;
    if (!(await changed(use, seconds === null ? node.value : String(seconds)))) show();
  });
  return node;
}

/** Return seconds since 1970 as a datetime-local field wants them, in the reader's time zone. */
function localTime(seconds) {
  const day = new Date(seconds * 1000);
  return new Date(day.getTime() - day.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}
