// On every page: the Design System's own behaviour, and tables that sort, filter and download. Pages work without it.
import { initAll } from "./build/govuk-frontend.min.js";
import "./despatch/leaving.js";
import { makeTablesSortable } from "./sortable.js";
import { equipTables } from "./tables.js";

initAll();
makeTablesSortable(document);
equipTables(document);
