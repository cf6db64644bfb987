// Tables a reader can sort: <table data-sortable>. Each column heading becomes a button, except those marked
// data-unsortable. A cell may carry data-sort (what to compare instead of its text, for dates and sizes).

const collator = new Intl.Collator(document.documentElement.lang, { numeric: true, sensitivity: "base" });

function valueOf(row, index) {
  const cell = row.cells[index];
  if (!cell) return "";
  return cell.dataset.sort ?? cell.textContent.trim();
}

// Numbers before words, so that "absent" and "–" stand together at the end of a column of marks.
function compare(left, right) {
  const leftNumber = Number.parseFloat(left.replace(/,/g, ""));
  const rightNumber = Number.parseFloat(right.replace(/,/g, ""));
  const leftIsNumber = /^[-+]?[\d.,]+%?$/.test(left) && !Number.isNaN(leftNumber);
  const rightIsNumber = /^[-+]?[\d.,]+%?$/.test(right) && !Number.isNaN(rightNumber);
  if (leftIsNumber && rightIsNumber) return leftNumber - rightNumber;
  if (leftIsNumber !== rightIsNumber) return leftIsNumber ? -1 : 1;
  return collator.compare(left, right);
}

function sort(table, heading, index, announcer) {
  const descending = heading.getAttribute("aria-sort") === "ascending";
  for (const other of table.tHead.rows[0].cells) {
    if (other.querySelector(".app-sort-button")) other.setAttribute("aria-sort", "none");
  }
  heading.setAttribute("aria-sort", descending ? "descending" : "ascending");
  const body = table.tBodies[0];
  const rows = [...body.rows].map((row) => ({ row, value: valueOf(row, index) }));
  rows.sort((left, right) => compare(left.value, right.value) * (descending ? -1 : 1));
  body.append(...rows.map(({ row }) => row));
  const words = descending ? table.dataset.sortedDown : table.dataset.sortedUp;
  announcer.textContent = words.replace("{column}", heading.textContent.trim());
}

export function makeTablesSortable(root) {
  for (const table of root.querySelectorAll("table[data-sortable]")) {
    const headings = table.tHead?.rows[0]?.cells;
    if (!headings || !table.tBodies[0]) continue;
    const announcer = document.createElement("p");
    announcer.className = "govuk-visually-hidden";
    announcer.setAttribute("role", "status");
    (table.closest(".app-table-region") ?? table).after(announcer);
    [...headings].forEach((heading, index) => {
      if (heading.hasAttribute("data-unsortable") || !heading.textContent.trim()) return;
      const button = document.createElement("button");
      button.type = "button";
      button.className = "app-sort-button";
      button.append(...heading.childNodes);
      heading.append(button);
      if (!heading.hasAttribute("aria-sort")) heading.setAttribute("aria-sort", "none");
      button.addEventListener("click", () => sort(table, heading, index, announcer));
    });
  }
}
