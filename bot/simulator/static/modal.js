// The form on top of a person's stack.

import { renderBlocks } from "./blocks.js";
import { el, icon, newId, swap } from "./dom.js";
import { CLOSE, WARNING } from "./icons.js";
import { closePopUp } from "./menu.js";
import { lineOf } from "./text.js";
import { Values, fieldKey } from "./values.js";

const FIRST_FIELD = ".block.input :is(input, textarea)";

/** Shows the top view of the stack; "page" sends what the person does. */
export class Modal {
  constructor(page) {
    this.page = page;
    this.values = new Map();
    this.closing = new Set();
    this.drawn = "";
    this.sending = false;
    this.titleId = newId("title");
    this.dialog = el("dialog", { class: "dialog modal", "aria-labelledby": this.titleId });
    this.dialog.addEventListener("cancel", (event) => this.escaped(event));
    this.dialog.addEventListener("close", () => this.view && this.close(true));
    this.dialog.addEventListener("keydown", (event) => this.pressed(event));
    document.body.append(this.dialog);
    window.addEventListener("beforeunload", (event) => this.isTyped() && event.preventDefault());
  }

  /** True while an open form holds what a person typed or chose, which a page that is loaded again would lose. */
  isTyped() {
    return (this.views ?? []).some((view) => this.values.get(view.id)?.touched.size > 0);
  }

  /** Draw what the snapshot holds, if anything changed. */
  show(all, people) {
    const views = all.filter((view) => !this.closing.has(view.id));
    this.view = views.at(-1);
    this.views = views;
    this.depth = views.length;
    this.forget(all);
    if (!this.view) return this.hide();
    const { id, hash, errors, warning, revision } = this.view;
    const wanted = JSON.stringify([id, hash, errors, warning, revision, this.depth, this.sending]);
    if (wanted === this.drawn) return undefined;
    this.drawn = wanted;
    const fresh = this.dialog.dataset.view !== this.view.id;
    this.dialog.dataset.view = this.view.id;
    swap(this.dialog, () => this.draw(people));
    if (!this.dialog.open) this.dialog.showModal();
    return this.aim(fresh);
  }

  /** Put the keyboard where it is needed: the first wrong field, or the first field of a new form. */
  aim(fresh) {
    const lost = this.dialog === document.activeElement || !this.dialog.contains(document.activeElement);
    const wrong = Object.keys(this.view.errors).length > 0 && this.dialog.querySelector("[aria-invalid]");
    if (wrong && !this.sending) {
      wrong.focus();
      wrong.closest(".block").scrollIntoView({ block: "nearest" });
    } else if (fresh || lost)
      (this.eager() ?? this.dialog.querySelector(FIRST_FIELD) ?? this.dialog.querySelector("button")).focus();
  }

  /** The field that the view itself wants the keyboard in (`focus_on_load`), if it names one. */
  eager() {
    for (const block of this.view.blocks)
      for (const element of block.elements ?? [block.element ?? {}])
        if (element.focus_on_load) {
          const field = fieldKey(block.block_id, element.action_id);
          return this.dialog.querySelector(`[data-field="${CSS.escape(field)}"]`);
        }
    return null;
  }

  forget(views) {
    const open = new Set(views.map((view) => view.id));
    for (const id of this.values.keys()) if (!open.has(id)) this.values.delete(id);
    for (const id of this.closing) if (!open.has(id)) this.closing.delete(id);
  }

  hide() {
    if (this.dialog.open) this.dialog.close();
    this.drawn = "";
    delete this.dialog.dataset.view;
  }

  draw(people) {
    closePopUp();
    const { view } = this;
    const values = this.valuesOf(view);
    const around = {
      people,
      values,
      act: (block, element, raw) => this.page.act({ view: view.id }, block, element, raw, values),
      suggest: (block, element, query) => this.page.suggest({ view: view.id }, block, element, query),
    };
    const scrolled = this.dialog.querySelector(".dialog-body")?.scrollTop ?? 0;
    const body = el("div", { class: "dialog-body" }, renderBlocks(view.blocks, around, view.errors));
    this.dialog.replaceChildren(this.head(), body, this.foot());
    this.dialog.setAttribute("aria-busy", String(this.sending));
    body.scrollTop = scrolled;
  }

  valuesOf(view) {
    const kept = this.values.get(view.id);
    if (kept) kept.take(view.values);
    else this.values.set(view.id, new Values(view.values));
    return this.values.get(view.id);
  }

  head() {
    return el(
      "div",
      { class: "dialog-head" },
      el("img", { src: "/static/app.svg", alt: "", class: "dialog-icon" }),
      el("h1", { id: this.titleId, class: "dialog-title" }, lineOf(this.view.title)),
      el(
        "button",
        {
          type: "button",
          class: "dialog-x",
          "aria-label": "Dismiss form",
          on: { click: () => this.close(true) },
        },
        icon(CLOSE, 20),
      ),
    );
  }

  foot() {
    const { view } = this;
    const warning =
      view.warning && el("div", { class: "dialog-warning", role: "alert" }, icon(WARNING), view.warning);
    const cancel = el(
      "button",
      { type: "button", class: "button large", on: { click: () => this.close(false) } },
      lineOf(view.close) || (this.depth > 1 ? "Back" : "Cancel"),
    );
    const submit =
      view.submit &&
      el(
        "button",
        {
          type: "button",
          class: `button large primary ${this.sending ? "busy" : ""}`,
          "data-field": "submit",
          on: { click: () => this.submit() },
        },
        lineOf(view.submit),
      );
    return el("div", { class: "dialog-foot" }, warning || null, cancel, submit);
  }

  async submit() {
    if (this.sending || !this.view.submit) return;
    this.sending = true;
    this.page.redraw();
    try {
      await this.page.submit(this.view.id, this.values.get(this.view.id));
    } finally {
      this.sending = false;
      this.page.redraw();
    }
  }

  /** Close at once, as Slack does: what is typed next must not end up in a form that is going. */
  async close(wholeStack) {
    closePopUp();
    const { id } = this.view;
    const gone = wholeStack ? this.views.map((view) => view.id) : [id];
    for (const each of gone) this.closing.add(each);
    this.page.redraw();
    if ((await this.page.close(id, wholeStack)) !== undefined) return;
    for (const each of gone) this.closing.delete(each);
    this.page.redraw();
  }

  escaped(event) {
    event.preventDefault();
    if (!closePopUp()) this.close(true);
  }

  pressed(event) {
    const field = event.target;
    const plainEnter = field.matches("input.field") && !event.isComposing;
    const commandEnter = event.ctrlKey || event.metaKey;
    if (event.key !== "Enter" || !(plainEnter || commandEnter)) return;
    event.preventDefault();
    this.submit();
  }
}
