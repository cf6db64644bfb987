// The desk of one work: marks are added up while they are typed, kept as a draft until they are saved, and sent without a
// reload. The form works without any of this. Markup: templates/marking/work.html, form[data-desk-form].

import { button, element, fill } from "./dom.js";
import { openJournal } from "./journal.js";
import { showPage } from "./viewer.js";

const KIND = "mark-draft";

/** The journal of a case, or nothing where it cannot be opened: what is typed then stands in the fields only. */
const journalOf = (form) => openJournal(form.dataset.case).catch(() => null);

const fieldsOf = (form) => [...form.elements].filter((one) => one.name && (one.name === "mark" || one.name === "comment" || one.name.startsWith("criterion-")));
const valuesOf = (form) => Object.fromEntries(fieldsOf(form).map((one) => [one.name, one.value]));
const wordsOf = (form) => JSON.parse(form.dataset.words);

function say(form, words) {
  const place = form.querySelector("[data-desk-status]");
  if (place && place.textContent !== words) place.textContent = words;
}

/** Writes the sum of the criteria into the total, once every criterion has a whole number. */
function addUp(form) {
  const total = form.querySelector("[data-sum]");
  const criteria = [...form.querySelectorAll("[data-criterion]")];
  if (!total || criteria.length === 0) return;
  const marks = criteria.map((one) => one.value.trim());
  const given = marks.filter((text) => /^\d{1,3}$/.test(text));
  if (given.length === criteria.length) total.value = String(given.reduce((sum, text) => sum + Number(text), 0));
  else if (given.length > 0) total.value = "";
}

/** Sends a form by itself and returns the page that answers; the policy lets no script make markup of text. */
function send(form, submitter) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", form.action);
    request.responseType = "document";
    request.timeout = 30_000;
    request.setRequestHeader("Accept", "text/html");
    request.onload = () => resolve({ status: request.status, page: request.response, address: request.responseURL });
    request.onerror = () => reject(new Error("no connection"));
    request.ontimeout = () => reject(new Error("no answer"));
    const data = new URLSearchParams(new FormData(form));
    if (submitter?.name) data.set(submitter.name, submitter.value);
    request.send(data);
  });
}

async function save(form, submitter) {
  const words = wordsOf(form);
  const buttons = [...form.querySelectorAll("button[type=submit]")];
  say(form, words.saving);
  for (const one of buttons) one.setAttribute("aria-disabled", "true");
  form.dataset.sending = "";
  let answer;
  try {
    answer = await send(form, submitter);
  } catch {
    say(form, words.failed);
    return;
  } finally {
    delete form.dataset.sending;
    for (const one of buttons) one.removeAttribute("aria-disabled");
  }
  if (answer.status === 200) await forget(form);
  // Signed out, or something that is no page of ours: the browser goes there itself and says what is so.
  if (!answer.page?.getElementById("main-content") || ![200, 422].includes(answer.status)) {
    if (answer.status === 200) location.assign(answer.address);
    else say(form, words.failed);
    return;
  }
  if (answer.status === 422) {
    showPage(answer.page, location.href, { push: false, focus: ".govuk-error-summary" });
    return;
  }
  showPage(answer.page, answer.address, { push: true });
}

// ---- drafts ---------------------------------------------------------------------------------------------------------

const entryOf = (form) => `mark:${form.dataset.item}`;
const isSame = (one, other) => Object.keys(one).every((name) => (one[name] ?? "") === (other[name] ?? ""));

async function keep(form) {
  const journal = await journalOf(form);
  if (!journal || !form.isConnected) return;
  const body = { values: valuesOf(form), number: form.elements.number.value };
  await journal.write({ entryId: entryOf(form), kind: KIND, item: form.dataset.item, body });
  say(form, wordsOf(form).kept);
}

async function forget(form) {
  const journal = await journalOf(form);
  if (journal?.entry(entryOf(form)) && !journal.entry(entryOf(form)).body.deleted) await journal.remove(entryOf(form));
}

/** Puts what was typed and not saved back into the fields, or offers it where another mark was saved since. */
async function restore(form) {
  const journal = await journalOf(form);
  const entry = journal?.entry(entryOf(form));
  if (!entry || !form.isConnected) return;
  const typed = [entry, ...entry.others].map((one) => one.body).filter((body) => body.values);
  const saved = valuesOf(form);
  const [latest, ...others] = typed.filter((body) => !isSame(body.values, saved));
  if (!latest) {
    await forget(form);
    return;
  }
  journal.look(entryOf(form));
  if (latest.number === form.elements.number.value) {
    fillIn(form, latest.values);
    say(form, wordsOf(form).restored);
  } else others.unshift(latest);
  for (const body of others) offer(form, body);
}

function fillIn(form, values) {
  for (const field of fieldsOf(form)) if (field.name in values) field.value = values[field.name];
}

function offer(form, body) {
  const words = wordsOf(form);
  const place = element("div", { class: "govuk-inset-text" },
    element("p", { class: "govuk-body", text: fill(words.other, { mark: body.values.mark || "–", comment: body.values.comment || "–" }) }),
    button(words.use, () => {
      fillIn(form, body.values);
      place.remove();
      form.elements.mark.focus();
      keep(form);
    }));
  form.prepend(place);
}

// ---- the page -------------------------------------------------------------------------------------------------------

// The keys that the markup names (accesskey) differ between browsers and systems: here they are Alt and the letter in all.
function takeKeys(root) {
  for (const one of root.querySelectorAll("[accesskey]")) {
    one.dataset.key = one.accessKey.toUpperCase();
    one.setAttribute("aria-keyshortcuts", `Alt+${one.dataset.key}`);
    one.removeAttribute("accesskey");
  }
}

document.addEventListener("keydown", (event) => {
  if (!event.altKey || event.ctrlKey || event.metaKey || event.shiftKey || event.repeat || !/^Key[A-Z]$/.test(event.code)) return;
  const goal = document.querySelector(`#main-content [data-key="${event.code.slice(3)}"]`);
  if (!goal) return;
  event.preventDefault();
  if (goal.matches("input, textarea")) {
    goal.focus();
    goal.select();
  } else goal.click();
});

function start(root) {
  takeKeys(root);
  for (const form of root.querySelectorAll("form[data-desk-form]:not([data-desk-started])")) {
    form.dataset.deskStarted = "";
    let timer = 0;
    form.addEventListener("input", (event) => {
      if (event.target.matches("[data-criterion]")) addUp(form);
      clearTimeout(timer);
      timer = setTimeout(() => keep(form), 400);
    });
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      clearTimeout(timer);
      if (!("sending" in form.dataset)) save(form, event.submitter);
    });
    if (!root.querySelector(".govuk-error-summary")) restore(form);
  }
}

start(document);
document.addEventListener("nea:swapped", (event) => start(event.detail.main));
