// What is typed and chosen on one message, form or Home tab.
//
// A raw value is a text, an option's value, the id of a person or channel, or a list of these.

/** The raw values of one surface, and the options its menus have offered. */
export class Values {
  constructor(entries) {
    this.raw = new Map();
    this.touched = new Set();
    this.options = new Map();
    this.take(entries);
  }

  /** Take over what the workspace says; what the person changed in a field that is still there stays. */
  take(entries) {
    const before = this.raw;
    this.raw = new Map();
    for (const [blockId, actions] of Object.entries(entries)) {
      for (const [actionId, entry] of Object.entries(actions)) {
        const key = fieldKey(blockId, actionId);
        const kept = this.touched.has(key) && before.has(key);
        this.raw.set(key, kept ? before.get(key) : rawOf(entry));
        const chosen = entry.selected_options ?? [entry.selected_option].filter(Boolean);
        if (chosen.length > 0) this.offer(key, chosen);
      }
    }
  }

  get(key) {
    return this.raw.get(key) ?? "";
  }

  set(key, value) {
    this.raw.set(key, value);
    this.touched.add(key);
  }

  /** Remember options that a menu listed, to show their texts when chosen. */
  offer(key, options) {
    const known = this.options.get(key) ?? new Map();
    for (const option of options) known.set(option.value, option);
    this.options.set(key, known);
  }

  option(key, value) {
    return this.options.get(key)?.get(value);
  }

  /** Return all raw values as {block_id: {action_id: raw}}. */
  all() {
    const nested = {};
    for (const [key, value] of this.raw) {
      const [blockId, actionId] = JSON.parse(key);
      nested[blockId] = { ...nested[blockId], [actionId]: value };
    }
    return nested;
  }
}

/** Return the name under which a field is kept. */
export function fieldKey(blockId, actionId) {
  return JSON.stringify([blockId, actionId]);
}

const SINGLE = ["value", "selected_user", "selected_conversation", "selected_channel", "selected_date"];
const OTHER = ["selected_time", "selected_date_time"];
const SEVERAL = ["selected_users", "selected_conversations", "selected_channels"];

function rawOf(entry) {
  if (entry.selected_options) return entry.selected_options.map((option) => option.value);
  if (entry.selected_option) return entry.selected_option.value;
  const name = [...SINGLE, ...OTHER, ...SEVERAL].find((each) => entry[each] !== null && each in entry);
  return name ? entry[name] : "";
}
