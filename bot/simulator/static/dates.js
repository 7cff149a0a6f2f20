// Times as Slack writes them, in the reader's time zone.

const DAY_MS = 24 * 60 * 60 * 1000;

const FORMATS = {
  date_num: (day) => day.toLocaleDateString("en-CA"),
  date: (day) => day.toLocaleDateString("en-US", { month: "long", day: "numeric", year: "numeric" }),
  date_short: (day) => day.toLocaleDateString("en-US", { month: "short", day: "numeric", year: "numeric" }),
  date_long: (day) =>
    day.toLocaleDateString("en-US", { weekday: "long", month: "long", day: "numeric", year: "numeric" }),
  time: (day) => clockTime(day),
  time_secs: (day) => day.toLocaleTimeString("en-US"),
  ago: (day) => ago(day),
};

/** Return the text of "!date^seconds^format^link", or its fallback when it cannot be read. */
export function slackDate(target, fallback) {
  const [, seconds, format] = target.split("^");
  const day = new Date(Number(seconds) * 1000);
  if (!format || Number.isNaN(day.getTime())) return fallback ?? target;
  return format.replace(/\{(\w+)\}/g, (token, name) => {
    const plainName = name.replace("_pretty", "");
    const near = name.endsWith("_pretty") ? nearDay(day) : null;
    return near ?? FORMATS[plainName]?.(day) ?? token;
  });
}

/** Return the time of day, such as "3:07 PM". */
export function clockTime(day) {
  return day.toLocaleTimeString("en-US", { hour: "numeric", minute: "2-digit" });
}

/** Return "Today", "Yesterday" or the date, for the line between two days. */
export function dayName(day) {
  const near = nearDay(day);
  return near ? near[0].toUpperCase() + near.slice(1) : FORMATS.date_long(day);
}

/** Return the moment a message timestamp stands for. */
export function moment(ts) {
  return new Date(Number.parseFloat(ts) * 1000);
}

function nearDay(day) {
  const midnight = new Date().setHours(0, 0, 0, 0);
  const days = Math.round((new Date(day).setHours(0, 0, 0, 0) - midnight) / DAY_MS);
  return { "-1": "yesterday", 0: "today", 1: "tomorrow" }[days] ?? null;
}

function ago(day) {
  const minutes = Math.round((Date.now() - day.getTime()) / 60000);
  if (minutes < 60) return `${minutes} minutes ago`;
  if (minutes < 48 * 60) return `${Math.round(minutes / 60)} hours ago`;
  return `${Math.round(minutes / 60 / 24)} days ago`;
}
