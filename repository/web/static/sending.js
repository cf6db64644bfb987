// Sending work: lists unfold for the printer, a candidate's files can be dragged into order, and the arrow keys turn
// from one candidate to the next while looking before sending. Everything works without it.

// What is folded on the screen is wanted on paper.
window.addEventListener("beforeprint", () => {
  for (const details of document.querySelectorAll("details.app-ready__gaps")) details.open = true;
});

/** Makes the files of one list movable: dropping one sends the form that its buttons send, with its new number. */
function makeMovable(list) {
  let dragged = null;
  const items = () => [...list.querySelectorAll("[data-order-form]")].map((form) => form.closest("li"));
  const unmark = () => items().forEach((item) => item.classList.remove("app-files__file--target"));
  for (const item of items()) {
    item.draggable = true;
    item.addEventListener("dragstart", (event) => {
      dragged = item;
      item.classList.add("app-files__file--dragged");
      event.dataTransfer.effectAllowed = "move";
      event.dataTransfer.setData("text/plain", "");
    });
    item.addEventListener("dragend", () => {
      item.classList.remove("app-files__file--dragged");
      unmark();
      dragged = null;
    });
    item.addEventListener("dragover", (event) => {
      if (!dragged || dragged === item) return;
      event.preventDefault();
      event.stopPropagation();
      unmark();
      item.classList.add("app-files__file--target");
    });
    item.addEventListener("drop", (event) => {
      if (!dragged || dragged === item) return;
      event.preventDefault();
      event.stopPropagation();
      const form = dragged.querySelector("[data-order-form]");
      const place = document.createElement("input");
      place.type = "hidden";
      place.name = "place";
      place.value = String(items().indexOf(item) + 1);
      form.append(place);
      form.submit();
    });
  }
}

for (const list of document.querySelectorAll("[data-files]")) {
  if (list.querySelectorAll("[data-order-form]").length > 1) makeMovable(list);
}

// Alt and an arrow would go back in the browser's history, and the viewer has arrows of its own: n and p turn the page.
document.addEventListener("keydown", (event) => {
  if (event.altKey || event.ctrlKey || event.metaKey) return;
  if (event.target instanceof Element && event.target.closest("input, textarea, select, [contenteditable]")) return;
  const name = { n: "next", p: "previous" }[event.key];
  const link = name && document.querySelector(`[data-preview-${name}]`);
  if (link) link.click();
});
