// The :names: of emoji that the page can show; others stay as they were typed.

import { el } from "./dom.js";
import { mark } from "./marks.js";

const TABLE = `
warning ⚠️|white_check_mark ✅|heavy_check_mark ✔️|ballot_box_with_check ☑️|x ❌|no_entry ⛔|no_entry_sign 🚫
lock 🔒|unlock 🔓|closed_lock_with_key 🔐|key 🔑|link 🔗|package 📦|rocket 🚀|gear ⚙️|wrench 🔧|hammer_and_wrench 🛠️
eyes 👀|hourglass ⌛|hourglass_flowing_sand ⏳|stopwatch ⏱️|clock1 🕐|alarm_clock ⏰|mag 🔍|mag_right 🔎
wastebasket 🗑️|pencil 📝|memo 📝|pencil2 ✏️|clipboard 📋|page_facing_up 📄|scroll 📜|label 🏷️|pushpin 📌|bookmark 🔖
arrow_left ⬅️|arrow_right ➡️|arrow_up ⬆️|arrow_down ⬇️|arrows_counterclockwise 🔄|rewind ⏪|fast_forward ⏩
large_green_circle 🟢|red_circle 🔴|large_yellow_circle 🟡|large_orange_circle 🟠|large_blue_circle 🔵
white_circle ⚪|black_circle ⚫|small_blue_diamond 🔹|small_orange_diamond 🔸
question ❓|grey_question ❔|exclamation ❗|information_source ℹ️|bulb 💡|bell 🔔|no_bell 🔕
house 🏠|whale 🐳|whale2 🐋|ship 🚢|anchor ⚓|ocean 🌊|cloud ☁️|globe_with_meridians 🌐|satellite 🛰️
bust_in_silhouette 👤|busts_in_silhouette 👥|robot_face 🤖|wave 👋|raised_hands 🙌|thumbsup 👍|+1 👍|thumbsdown 👎|-1 👎
heavy_plus_sign ➕|heavy_minus_sign ➖|new 🆕|ok 🆗|tada 🎉|sparkles ✨|star ⭐|fire 🔥|boom 💥|zap ⚡|skull 💀
inbox_tray 📥|incoming_envelope 📨|leftwards_arrow_with_hook ↩️|handshake 🤝|mute 🔇|file_folder 📁|open_file_folder 📂|card_file_box 🗃️|floppy_disk 💾|computer 💻|desktop_computer 🖥️|electric_plug 🔌
bar_chart 📊|chart_with_upwards_trend 📈|calendar 📅|shield 🛡️|rotating_light 🚨|construction 🚧|test_tube 🧪
smile 😄|slightly_smiling_face 🙂|thinking_face 🤔|point_right 👉|point_down 👇|sleeping 😴|sunny ☀️|ghost 👻
`;

const EMOJI = new Map(
  TABLE.trim()
    .split(/[|\n]/)
    .map((entry) => entry.split(" ")),
);

/** Return an emoji as a node that screen readers name, or undefined. */
export function emoji(name) {
  const content = mark(name) ?? EMOJI.get(name);
  return content && el("span", { class: "emoji", role: "img", "aria-label": spoken(name) }, content);
}

/** Return the character of an emoji's name, for places that hold only text, or undefined. */
export function emojiCharacter(name) {
  return EMOJI.get(name);
}

function spoken(name) {
  return name.replaceAll("_", " ");
}
