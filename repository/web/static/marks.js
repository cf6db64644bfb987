// The marks page's running totals. It saves nothing and checks nothing that the server does not check again.
//
// <form data-marks-form>            each candidate in a [data-mark-row]
//   [data-mark data-maximum="60"]   the mark's input; [data-absent] (optional): a checkbox, or a select with value "absent"
//   [data-mark-message]             (optional) where "Mark must be …" is written
// <… data-marks-total|-count|-absent|-missing>   anywhere on the page: where the totals are shown

const WHOLE_NUMBER = /^\d{1,4}$/;

function isAbsent(row) {
  const control = row.querySelector("[data-absent]");
  if (!control) return false;
  return control.type === "checkbox" ? control.checked : control.value === "absent";
}

function readRow(row) {
  const input = row.querySelector("[data-mark]");
  const text = input.value.trim();
  const message = row.querySelector("[data-mark-message]");
  const maximum = Number(input.dataset.maximum);
  const absent = isAbsent(row);
  let problem = "";
  if (absent && text) problem = "Absent candidates have no mark: clear the mark, or untick absent";
  else if (text && !WHOLE_NUMBER.test(text)) problem = "Enter a whole number";
  else if (text && input.dataset.maximum && Number(text) > maximum) problem = `Enter a mark from 0 to ${maximum}`;
  input.classList.toggle("govuk-input--error", problem !== "");
  if (problem) input.setAttribute("aria-invalid", "true");
  else input.removeAttribute("aria-invalid");
  if (message && message.textContent !== problem) message.textContent = problem;
  return { absent, problem, mark: !absent && !problem && text ? Number(text) : null };
}

function show(name, value) {
  for (const place of document.querySelectorAll(`[data-marks-${name}]`)) place.textContent = String(value);
}

function total(form) {
  const rows = [...form.querySelectorAll("[data-mark-row]")].filter((row) => row.querySelector("[data-mark]")).map(readRow);
  const marks = rows.filter((row) => row.mark !== null);
  show("total", marks.reduce((sum, row) => sum + row.mark, 0));
  show("count", marks.length);
  show("absent", rows.filter((row) => row.absent).length);
  show("missing", rows.filter((row) => row.mark === null && !row.absent).length);
}

for (const form of document.querySelectorAll("form[data-marks-form]")) {
  if (!form.querySelector("[data-mark]")) continue; // locked marks: the totals are the server's
  form.addEventListener("input", () => total(form));
  form.addEventListener("change", () => total(form));
  total(form);
}
