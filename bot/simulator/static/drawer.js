// The sidebar in a narrow window: folded away until a button opens it over the page.

import { el, icon } from "./dom.js";
import { MENU } from "./icons.js";

/** Opens and closes the sidebar; in a wide window it is always there, and its buttons are hidden. */
export class Drawer {
  constructor(sidebar) {
    this.sidebar = sidebar;
    this.opener = null;
    this.shade = el("div", { class: "drawer-shade", hidden: true, on: { click: () => this.close() } });
    sidebar.after(this.shade);
    sidebar.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.close();
    });
  }

  button() {
    const button = el(
      "button",
      {
        type: "button",
        class: "drawer-button",
        "aria-label": "Channels and apps",
        "aria-controls": "sidebar",
        "aria-expanded": "false",
        on: { click: () => this.open(button) },
      },
      icon(MENU, 20),
    );
    return button;
  }

  open(button) {
    this.opener = button;
    this.shown(true);
    (this.sidebar.querySelector("[aria-current]") ?? this.sidebar.querySelector("button")).focus();
  }

  close() {
    if (!this.opener) return;
    this.shown(false);
    this.opener.focus();
    this.opener = null;
  }

  shown(isOpen) {
    this.sidebar.classList.toggle("open", isOpen);
    this.shade.hidden = !isOpen;
    this.opener.setAttribute("aria-expanded", String(isOpen));
  }
}
