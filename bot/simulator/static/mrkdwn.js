// Slack's mrkdwn, and Markdown for "markdown" blocks, as DOM nodes.
//
// text -> code fences -> lines, quotes, lists -> inline marks, links, mentions, dates, emoji -> nodes

import { slackDate } from "./dates.js";
import { el } from "./dom.js";
import { emoji, emojiCharacter } from "./emoji.js";

const ENTITIES = { "&amp;": "&", "&lt;": "<", "&gt;": ">" };
const SAFE_LINK = /^(?:https?:\/\/|mailto:)/i;

const EMOJI_NAME = /(:[a-z0-9_+-]+:)/;

const MARKS = {
  mrkdwn: [
    [/`([^`\n]+)`/y, (match) => el("code", {}, unescaped(match[1]))],
    [/<([^<>\n]+)>/y, (match, people) => special(match[1], people)],
    [/\*(?=\S)([^*\n]*[^*\s])\*(?!\w)/y, (match, people) => el("strong", {}, inline(match[1], people))],
    [/_(?=\S)([^_\n]*[^_\s])_(?!\w)/y, (match, people) => el("em", {}, inline(match[1], people))],
    [/~(?=\S)([^~\n]*[^~\s])~(?!\w)/y, (match, people) => el("s", {}, inline(match[1], people))],
    [/:([a-z0-9_+-]+):/y, (match) => emoji(match[1])],
  ],
  markdown: [
    [/`([^`\n]+)`/y, (match) => el("code", {}, match[1])],
    [/\[([^\]\n]+)\]\(([^)\s]+)\)/y, (match) => link(match[2], match[1])],
    [/\*\*(?=\S)(.+?)\*\*/y, (match, people) => el("strong", {}, inline(match[1], people, "markdown"))],
    [
      /[*_](?=\S)([^*_\n]*[^*_\s])[*_](?!\w)/y,
      (match, people) => el("em", {}, inline(match[1], people, "markdown")),
    ],
    [/~~(?=\S)(.+?)~~/y, (match, people) => el("s", {}, inline(match[1], people, "markdown"))],
    [/:([a-z0-9_+-]+):/y, (match) => emoji(match[1])],
  ],
};

/** Return the nodes of a mrkdwn text; "people" looks up the names of users and channels. */
export function mrkdwn(text, people) {
  return text.split(/```\n?/).flatMap((part, index) => {
    if (index % 2 === 1) return [el("pre", {}, unescaped(part.replace(/\n$/, "")))];
    return part === "" ? [] : quotedLines(part.replace(/^\n/, ""), people);
  });
}

/** Return the nodes of a Markdown text. */
export function markdown(text, people) {
  return text.split(/```[a-z]*\n?/).flatMap((part, index) => {
    if (index % 2 === 1) return [el("pre", {}, part.replace(/\n$/, ""))];
    return part.split("\n").flatMap((line) => [markdownLine(line, people), el("br")]);
  });
}

/** Return the nodes of a plain text: only :emoji: is drawn, and only where the text allows it. */
export function plain(text, withEmoji = true) {
  if (!withEmoji) return [text];
  return text.split(EMOJI_NAME).map((part) => emoji(part.slice(1, -1)) ?? part);
}

/** Return a plain text as characters alone, for places that hold no nodes. */
export function plainLine(text, withEmoji = true) {
  if (!withEmoji) return text;
  return text
    .split(EMOJI_NAME)
    .map((part) => emojiCharacter(part.slice(1, -1)) ?? part)
    .join("");
}

/** Undo Slack's three entities. */
export function unescaped(text) {
  return text.replace(/&(?:amp|lt|gt);/g, (entity) => ENTITIES[entity]);
}

/** Return a link that opens in a new tab, or only its text when the address is of no web page. */
export function link(url, label) {
  if (!SAFE_LINK.test(url)) return document.createTextNode(label);
  return el("a", { href: url, target: "_blank", rel: "noopener noreferrer" }, label);
}

function quotedLines(text, people) {
  const nodes = [];
  let quote = null;
  for (const [index, line] of text.split("\n").entries()) {
    const quoted = /^(?:&gt;|>) ?(.*)$/.exec(line);
    if (quoted) {
      if (quote) quote.append(el("br"));
      else nodes.push((quote = el("blockquote")));
      quote.append(...inline(quoted[1], people));
    } else {
      if (index > 0 && !quote) nodes.push(el("br"));
      quote = null;
      nodes.push(...inline(line, people));
    }
  }
  return nodes;
}

function markdownLine(line, people) {
  const heading = /^#{1,6} (.*)$/.exec(line);
  if (heading) return el("strong", { class: "markdown-heading" }, inline(heading[1], people, "markdown"));
  const item = /^\s*[-*+] (.*)$/.exec(line);
  return el("span", {}, item ? "• " : "", inline(item ? item[1] : line, people, "markdown"));
}

function inline(text, people, language = "mrkdwn") {
  const nodes = [];
  let plainText = "";
  let at = 0;
  while (at < text.length) {
    const found = markAt(text, at, people, language);
    if (found) {
      nodes.push(shown(plainText, language), found.node);
      plainText = "";
      at += found.length;
    } else {
      plainText += text[at];
      at += 1;
    }
  }
  return [...nodes, shown(plainText, language)];
}

function markAt(text, at, people, language) {
  const insideWord = at > 0 && /\w/.test(text[at - 1]) && /[*_~]/.test(text[at]);
  if (insideWord) return null;
  for (const [pattern, make] of MARKS[language]) {
    pattern.lastIndex = at;
    const match = pattern.exec(text);
    const node = match && make(match, people);
    if (node) return { node, length: match[0].length };
  }
  return null;
}

function shown(text, language) {
  return document.createTextNode(language === "mrkdwn" ? unescaped(text) : text);
}

function special(content, people) {
  const [target, ...rest] = content.split("|");
  const label = rest.length > 0 ? unescaped(rest.join("|")) : null;
  if (target.startsWith("@")) return mention(`@${people.name(target.slice(1)) ?? label ?? target.slice(1)}`);
  if (target.startsWith("#"))
    return mention(`#${people.channel(target.slice(1)) ?? label ?? target.slice(1)}`);
  if (target.startsWith("!date^")) return el("time", {}, slackDate(target, label));
  if (target.startsWith("!subteam^")) return mention(label ?? "@group");
  if (target.startsWith("!")) return mention(`@${target.slice(1)}`);
  const url = unescaped(target);
  return SAFE_LINK.test(url) ? link(url, label ?? url.replace(/^mailto:/, "")) : null;
}

function mention(text) {
  return el("span", { class: "mention" }, text);
}
