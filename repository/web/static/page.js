// On every page: the Design System's own behaviour, and sortable tables. Pages work without it.
import { initAll } from "./build/govuk-frontend.min.js";
import { makeTablesSortable } from "./sortable.js";

initAll();
makeTablesSortable(document);
