// The marks that the app uses for states, drawn, so that no emoji font is needed to tell them apart.
//
// Each is a list of shapes on a grid of 20 by 20: [path, fill] or [path, null, stroke].

const SVG = "http://www.w3.org/2000/svg";

const GREEN = "#2eb67d";
const RED = "#e01e5a";
const YELLOW = "#ecb22e";
const ORANGE = "#e8912d";
const BLUE = "#1d9bd1";
const GREY = "#8d8d8d";
const BROWN = "#b5854b";
const WHITE = "#ffffff";
const DARK = "#3a3a3a";

const DISC = "M10 1.5a8.5 8.5 0 1 1 0 17 8.5 8.5 0 0 1 0-17z";
const SQUARE = "M4.5 2h11A2.5 2.5 0 0 1 18 4.5v11a2.5 2.5 0 0 1-2.5 2.5h-11A2.5 2.5 0 0 1 2 15.5v-11A2.5 2.5 0 0 1 4.5 2z";
const TICK = "M5.5 10.5l3 3 6-7";
const LOCK = "M4.5 9h11v8.5h-11z";
const GLASS = "M5 2.5h10M5 17.5h10M6 2.5c0 4 3 5 4 7.5 1-2.5 4-3.5 4-7.5M6 17.5c0-4 3-5 4-7.5 1 2.5 4 3.5 4 7.5";

const disc = (colour) => [[DISC, colour]];
const glass = (fill) => [
  [fill, YELLOW],
  [GLASS, null, BROWN],
];

const MARKS = {
  white_check_mark: [
    [SQUARE, GREEN],
    [TICK, null, WHITE],
  ],
  ballot_box_with_check: [
    [SQUARE, BLUE],
    [TICK, null, WHITE],
  ],
  heavy_check_mark: [[TICK, null, GREEN]],
  x: [["M4.5 4.5l11 11M15.5 4.5l-11 11", null, RED]],
  warning: [
    ["M10 2 19 18H1z", YELLOW],
    ["M10 7.5v5M10 15v.3", null, DARK],
  ],
  no_entry: [
    [DISC, RED],
    ["M5.5 10h9", null, WHITE],
  ],
  exclamation: [["M10 3v9M10 16v.3", null, RED]],
  question: [["M6.5 7a3.5 3.5 0 1 1 5 3.2c-1 .5-1.5 1.2-1.5 2.3M10 16v.3", null, RED]],
  information_source: [
    [SQUARE, BLUE],
    ["M10 9v5.5M10 5.5v.3", null, WHITE],
  ],
  heavy_plus_sign: [["M10 3.5v13M3.5 10h13", null, GREY]],
  white_circle: [[DISC, "#e8e8e8", "#b8b8b8", 1]],
  red_circle: disc(RED),
  large_green_circle: disc(GREEN),
  large_yellow_circle: disc(YELLOW),
  large_orange_circle: disc(ORANGE),
  large_blue_circle: disc(BLUE),
  black_circle: disc(DARK),
  hourglass: glass("M7.5 16.5h5c-.5-1.8-1.7-2.5-2.5-3.5-.8 1-2 1.7-2.5 3.5z"),
  hourglass_flowing_sand: glass("M7 5h6c-.6 1.6-2 2.6-3 4-1-1.400-2.400-2.400-3-4z"),
  lock: [
    [LOCK, YELLOW],
    ["M6.8 9V6.2a3.2 3.2 0 0 1 6.400 0V9", null, GREY],
  ],
  unlock: [
    [LOCK, YELLOW],
    ["M9.5 9V5.7a3 3 0 0 1 6 0V7", null, GREY],
  ],
  key: [
    ["M6 5.5a4 4 0 1 1 0 8 4 4 0 0 1 0-8z", null, YELLOW],
    ["M10 9.5h8v3.5M15 9.5v3", null, YELLOW],
  ],
  link: [
    ["M8.5 11.5l3-3M9 6.5l2-2a3 3 0 0 1 4.5 4.5l-2 2M11 13.5l-2 2A3 3 0 0 1 4.5 11l2-2", null, GREY],
  ],
  wastebasket: [
    ["M5 6.5h10l-1 11.5H6z", GREY],
    ["M3.5 6h13M8 6V3.5h4V6", null, GREY],
  ],
  bell: [
    ["M10 2.5a5 5 0 0 1 5 5c0 4 1.5 5.5 2 6.5H3c.5-1 2-2.5 2-6.5a5 5 0 0 1 5-5z", YELLOW],
    ["M8.5 16.5a1.6 1.6 0 0 0 3 0", null, BROWN],
  ],
  inbox_tray: [
    ["M2.5 11.5h4l1.5 2h4l1.5-2h4V17h-15z", BLUE],
    ["M10 2.5v6M7.5 6.5L10 9l2.5-2.5", null, GREY],
  ],
  incoming_envelope: [
    ["M2.5 5h15v10.5h-15z", BLUE],
    ["M3.5 6l6.5 5 6.5-5", null, WHITE, 1.5],
  ],
  leftwards_arrow_with_hook: [["M6.5 4.5L3 8l3.5 3.5M3.5 8H13a3.5 3.5 0 0 1 0 7.5H9", null, BLUE]],
};

/** Return the drawing of a mark, or undefined for an emoji that is not one. */
export function mark(name) {
  const shapes = MARKS[name];
  if (!Object.hasOwn(MARKS, name)) return undefined;
  const svg = document.createElementNS(SVG, "svg");
  for (const [key, value] of Object.entries({ viewBox: "0 0 20 20", class: "mark", "aria-hidden": "true" }))
    svg.setAttribute(key, value);
  svg.append(...shapes.map(drawn));
  return svg;
}

function drawn([path, fill, stroke, width = 2.5]) {
  const shape = document.createElementNS(SVG, "path");
  shape.setAttribute("d", path);
  shape.setAttribute("fill", fill ?? "none");
  if (stroke) {
    shape.setAttribute("stroke", stroke);
    shape.setAttribute("stroke-width", width);
    shape.setAttribute("stroke-linecap", "round");
    shape.setAttribute("stroke-linejoin", "round");
  }
  return shape;
}
