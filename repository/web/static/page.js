// On every page: the Design System's own behaviour, and tables that sort, filter and download. Pages work without it.
import { equipComponents } from "./components.js";
import "./despatch/leaving.js";
import { makeTablesSortable } from "./sortable.js";
import { equipTables } from "./tables.js";

equipComponents(document);
makeTablesSortable(document);
equipTables(document);

// A menu of the header closes by Escape, and when one goes elsewhere: where it lies over the page, as closing it moves nothing.
const menus = [...document.querySelectorAll(".app-menu")];
for (const menu of menus) {
  menu.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !menu.open) return;
    menu.open = false;
    menu.querySelector("summary").focus();
  });
}
for (const kind of ["click", "focusin"]) {
  document.addEventListener(kind, ({ target }) => {
    for (const menu of menus) {
      if (menu.open && !menu.contains(target) && getComputedStyle(menu.lastElementChild).position === "absolute") menu.open = false;
    }
  });
}
