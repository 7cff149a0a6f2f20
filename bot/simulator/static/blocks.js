// Blocks of Block Kit as DOM nodes.

import { el, newId } from "./dom.js";
import { picture, renderElement, unknown } from "./elements.js";
import { richText } from "./richtext.js";
import { lineOf, markdown, textNodes } from "./text.js";

const MAKERS = {
  section: section,
  actions: (block, around) =>
    el(
      "div",
      { class: "block actions" },
      block.elements.map((element) => renderElement(element, block, around)),
    ),
  context: context,
  divider: () => el("hr", { class: "block divider" }),
  header: (block, around) => el("h3", { class: "block header" }, textNodes(block.text, around.people)),
  input: inputBlock,
  image: image,
  markdown: (block, around) => el("div", { class: "block text" }, markdown(block.text.trim(), around.people)),
  rich_text: (block, around) => el("div", { class: "block text" }, richText(block.elements, around.people)),
  table: table,
};

/** Return the nodes of a list of blocks; "errors" are shown beneath their input blocks. */
export function renderBlocks(blocks, around, errors = {}) {
  return blocks.map((block) => {
    const make = MAKERS[block.type];
    return make
      ? make(block, around, errors[block.block_id])
      : el("div", { class: "block" }, unknown(block.type));
  });
}

function section(block, around) {
  const body = el("div", { class: "section-body" });
  if (block.text) body.append(el("div", { class: "text" }, textNodes(block.text, around.people)));
  if (block.fields) {
    const fields = block.fields.map((field) => el("div", { class: "text" }, textNodes(field, around.people)));
    body.append(el("div", { class: "fields" }, fields));
  }
  const accessory =
    block.accessory && el("div", { class: "accessory" }, renderElement(block.accessory, block, around));
  return el("div", { class: "block section" }, body, accessory);
}

function context(block, around) {
  const parts = block.elements.map((element) =>
    element.type === "image"
      ? picture(element)
      : el("span", { class: "text" }, textNodes(element, around.people)),
  );
  return el("div", { class: "block context" }, parts);
}

function inputBlock(block, around, error) {
  const id = newId("field");
  const label = lineOf(block.label);
  const hintId = newId("hint");
  const errorId = newId("error");
  const describedBy = [error && errorId, block.hint && hintId].filter(Boolean).join(" ") || null;
  const control = renderElement(block.element, block, around, {
    id,
    describedBy,
    error,
    required: !block.optional,
  });
  const optional = block.optional && el("span", { class: "optional" }, " (optional)");
  const grouped = control.classList.contains("ticks");
  return el(
    grouped ? "fieldset" : "div",
    { class: `block input ${error ? "wrong" : ""}`, "aria-describedby": grouped ? describedBy : null },
    grouped
      ? el("legend", { class: "label" }, label, optional)
      : el("div", { class: "label" }, el("label", { for: id }, label), optional),
    control,
    error && el("div", { id: errorId, class: "error", role: "alert" }, error),
    block.hint && el("div", { id: hintId, class: "hint" }, textNodes(block.hint, around.people)),
  );
}

function image(block, around) {
  const title = block.title && el("div", { class: "image-title" }, textNodes(block.title, around.people));
  return el("div", { class: "block" }, title, picture(block, "picture-large"));
}

function table(block, around) {
  const cell = (content, tag) =>
    el(tag, {}, content.type === "rich_text" ? richText(content.elements, around.people) : content.text);
  const rows = block.rows.map((row, index) =>
    el(
      "tr",
      {},
      row.map((content) => cell(content, index === 0 ? "th" : "td")),
    ),
  );
  return el("div", { class: "block table" }, el("table", {}, rows));
}
