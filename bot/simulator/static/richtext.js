// "rich_text" blocks: sections, lists, quotes and code, with styled pieces.

import { clockTime } from "./dates.js";
import { el } from "./dom.js";
import { emoji } from "./emoji.js";
import { link } from "./mrkdwn.js";

const CONTAINERS = {
  rich_text_section: (part, people) => el("div", {}, pieces(part.elements, people)),
  rich_text_preformatted: (part, people) => el("pre", {}, pieces(part.elements, people)),
  rich_text_quote: (part, people) => el("blockquote", {}, pieces(part.elements, people)),
  rich_text_list: (part, people) =>
    el(
      part.style === "ordered" ? "ol" : "ul",
      {},
      part.elements.map((item) => el("li", {}, pieces(item.elements, people))),
    ),
};

const PIECES = {
  text: (piece) => document.createTextNode(piece.text),
  link: (piece) => link(piece.url, piece.text ?? piece.url),
  emoji: (piece) => emoji(piece.name) ?? document.createTextNode(`:${piece.name}:`),
  user: (piece, people) =>
    el("span", { class: "mention" }, `@${people.name(piece.user_id) ?? piece.user_id}`),
  channel: (piece, people) =>
    el("span", { class: "mention" }, `#${people.channel(piece.channel_id) ?? piece.channel_id}`),
  date: (piece) => document.createTextNode(piece.fallback ?? clockTime(new Date(piece.timestamp * 1000))),
};

const STYLES = { bold: "strong", italic: "em", strike: "s", code: "code" };

/** Return the nodes of a rich_text block's elements. */
export function richText(parts, people) {
  return parts.map((part) => CONTAINERS[part.type]?.(part, people) ?? "");
}

function pieces(elements, people) {
  return elements.map((piece) => {
    const node = PIECES[piece.type]?.(piece, people) ?? document.createTextNode("");
    const styles = Object.keys(STYLES).filter((style) => piece.style?.[style]);
    return styles.reduce((inner, style) => el(STYLES[style], {}, inner), node);
  });
}
