// Builds DOM nodes. Text always becomes a text node; nothing here or elsewhere parses HTML.

const SVG = "http://www.w3.org/2000/svg";

let lastId = 0;

/** Make an element. Attributes that are null, undefined or false are left out; "on" holds listeners. */
export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "on") {
      listen(node, value);
    } else if (value !== null && value !== undefined && value !== false) {
      node.setAttribute(name, value === true ? "" : value);
    }
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

/** Make a small drawing from one SVG path. */
export function icon(path, size = 16) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 20 20");
  svg.setAttribute("width", size);
  svg.setAttribute("height", size);
  svg.setAttribute("aria-hidden", "true");
  const shape = document.createElementNS(SVG, "path");
  shape.setAttribute("d", path);
  shape.setAttribute("fill", "currentColor");
  svg.append(shape);
  return svg;
}

/** Return an id that no other element has. */
export function newId(prefix) {
  lastId += 1;
  return `${prefix}-${lastId}`;
}

function listen(node, listeners) {
  for (const [event, listener] of Object.entries(listeners)) {
    node.addEventListener(event, listener);
  }
}

/** Replace what a region shows, and put the keyboard focus back on the same field. */
export function swap(region, draw) {
  const field = region.contains(document.activeElement) ? document.activeElement : null;
  const key = field?.dataset.field;
  const range = field && "selectionStart" in field ? [field.selectionStart, field.selectionEnd] : null;
  draw();
  const again = key && region.querySelector(`[data-field="${CSS.escape(key)}"]`);
  if (again && again !== document.activeElement) {
    again.focus({ preventScroll: true });
    restoreCaret(again, range);
  }
}

function restoreCaret(field, range) {
  try {
    if (range && range[0] !== null) field.setSelectionRange(...range);
  } catch {
    // Fields of type email and url have no caret that a script may set.
  }
}
