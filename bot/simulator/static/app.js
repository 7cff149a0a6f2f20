// The page: it waits for what the workspace holds, draws it, and sends what the person does.
//
// /try/state -> snapshot -> sidebar, channel or app, form -> tell -> /try/… -> snapshot

import { state, tell } from "./api.js";
import { ChannelPlace } from "./channel.js";
import { el, icon, swap } from "./dom.js";
import { Drawer } from "./drawer.js";
import { AppPlace } from "./home.js";
import { CLOSE } from "./icons.js";
import { refusal } from "./messages.js";
import { Modal } from "./modal.js";
import { sidebar } from "./sidebar.js";
import { People } from "./text.js";

const FIRST_PERSON = "U0TRYADMIN";
const RETRY_MS = 1000;
const GONE = "That is no longer shown.";
const REFUSALS = { element_not_found: GONE, message_not_found: GONE, not_found: GONE };
const NOTE = "Simulated Slack, on this computer only";

class Page {
  constructor() {
    this.person = sessionStorage.getItem("person") ?? FIRST_PERSON;
    this.history = [];
    this.seen = new Map();
    this.modal = new Modal(this);
    this.drawer = new Drawer(document.getElementById("sidebar"));
    this.notes = document.getElementById("notes");
    this.begin();
  }

  /** Forget what was drawn for the last person, and start to wait for the present one's state. */
  begin() {
    this.waiting?.abort();
    this.waiting = new AbortController();
    this.snapshot = null;
    this.places = new Map();
    this.follow(this.waiting.signal);
  }

  async follow(signal) {
    while (!signal.aborted) {
      try {
        const snapshot = await state(this.person, this.snapshot?.version ?? 0, signal);
        this.take(snapshot, signal);
        await pause(snapshot.open ? snapshot.again_after_ms : RETRY_MS);
      } catch (error) {
        if (signal.aborted) return;
        this.offline(error);
        await pause(RETRY_MS);
      }
    }
  }

  take(snapshot, signal = this.waiting.signal) {
    if (signal.aborted || snapshot.me !== this.person) return;
    if (this.snapshot && snapshot.version < this.snapshot.version) return;
    document.getElementById("topbar-note").textContent = snapshot.open ? NOTE : "The program has ended.";
    const first = !this.snapshot;
    this.snapshot = snapshot;
    if (first) this.arrive();
    this.redraw();
    if (first && document.activeElement === document.body) this.placeShown().focus();
  }

  /** Stay at the same place for another person, if they may see it. */
  arrive() {
    const known = ["app", ...this.snapshot.channels.map((channel) => channel.id)];
    if (!known.includes(this.place)) this.place = this.snapshot.channels[0].id;
    if (this.place === "app") this.openHome("home");
  }

  offline(error) {
    const lost = error instanceof TypeError;
    document.getElementById("topbar-note").textContent = lost
      ? "Connection lost. Is the program still running?"
      : (REFUSALS[error.message] ?? error.message);
  }

  redraw() {
    if (!this.snapshot) return;
    const people = new People(this.snapshot);
    const main = document.getElementById("main");
    const shown = this.placeShown();
    if (main.firstChild !== shown.node) main.replaceChildren(shown.node);
    shown.show(this.snapshot, people);
    this.seen.set(this.place, this.newest(this.place));
    const side = document.getElementById("sidebar");
    swap(side, () => side.replaceChildren(...sidebar(this, this.snapshot, people)));
    this.modal.show(this.snapshot.views, people);
    this.showNotes();
  }

  placeShown() {
    if (!this.places.has(this.place)) this.places.set(this.place, this.newPlace());
    return this.places.get(this.place);
  }

  newPlace() {
    const { app, channels, direct } = this.snapshot;
    if (this.place === "app") return new AppPlace(this, direct, app.name);
    return new ChannelPlace(
      this,
      channels.find((channel) => channel.id === this.place),
      app,
    );
  }

  showNotes() {
    const notes = this.snapshot.notes.map((note) =>
      el(
        "div",
        { class: "note" },
        refusal({ text: note.title, details: note.details }),
        el(
          "button",
          { type: "button", "aria-label": "Dismiss note", on: { click: () => this.dismiss(note.id) } },
          icon(CLOSE),
        ),
      ),
    );
    this.notes.replaceChildren(...notes);
    // An open form lies above everything else on the page, so the notes go into it.
    const top = this.snapshot.views.length > 0 ? this.modal.dialog : document.body;
    if (notes.length > 0 && this.notes.parentElement !== top) top.append(this.notes);
  }

  newest(place) {
    const channel = place === "app" ? this.snapshot.direct : place;
    return this.snapshot.messages.filter((message) => message.channel === channel).at(-1)?.ts ?? "";
  }

  unread(place) {
    return this.newest(place) > (this.seen.get(place) ?? "") && place !== this.place;
  }

  go(place) {
    this.place = place;
    this.drawer.close();
    this.redraw();
    if (place === "app") this.openHome(this.placeShown().tab);
    this.placeShown().focus();
  }

  /** Return a button that opens the sidebar where the window is too narrow to show it. */
  sidebarButton() {
    return this.drawer.button();
  }

  actAs(person) {
    this.person = person;
    sessionStorage.setItem("person", person);
    this.begin();
  }

  /** Send what the person did; undefined = it was not taken. */
  async tell(what, body) {
    const { person } = this;
    try {
      const { answer, state: snapshot } = await tell(person, what, body);
      if (person === this.person) this.take(snapshot);
      return answer;
    } catch (error) {
      this.offline(error);
      return undefined;
    }
  }

  say(channel, text) {
    return this.tell("say", { channel, text });
  }

  act(place, block, element, value, values) {
    const names = { block_id: block.block_id, action_id: element.action_id };
    return this.tell("act", { place, ...names, value, values: values.all() });
  }

  suggest(place, block, element, query) {
    return this.tell("options", { place, block_id: block.block_id, action_id: element.action_id, query });
  }

  submit(view, values) {
    return this.tell("submit", { view, values: values.all() });
  }

  close(view, wholeStack) {
    return this.tell("close", { view, whole_stack: wholeStack });
  }

  shortcut(callbackId) {
    return this.tell("shortcut", { callback_id: callbackId });
  }

  messageShortcut(ts, callbackId) {
    return this.tell("message_shortcut", { ts, callback_id: callbackId });
  }

  changeRole(person, role) {
    return this.tell("change", { person, role });
  }

  openHome(tab) {
    return this.tell("home", { tab });
  }

  dismiss(name) {
    return this.tell("dismiss", { name });
  }
}

function pause(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

new Page();
