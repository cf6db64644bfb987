// Builds what the pages need into static/build/ (or the folder given): one style sheet and three libraries' browser bundles.
// Run by `npm run build`; nothing is fetched, so it works without a network once `npm ci` has run.
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import * as sass from "sass";

const here = dirname(fileURLToPath(import.meta.url));
const modules = join(here, "node_modules");
const build = process.argv[2] ? resolve(process.argv[2]) : join(here, "static", "build");

rmSync(build, { recursive: true, force: true });
mkdirSync(build, { recursive: true });

const { css } = sass.compile(join(here, "styles", "application.scss"), {
  loadPaths: [modules],
  quietDeps: true,
  style: "compressed",
});
// The content security policy and the shape of static/ allow no picture or font that is not inside the sheet.
const outside = [...css.matchAll(/url\(\s*["']?(?!data:|#)([^"')]+)/g)].map((match) => match[1]);
if (outside.length > 0 || css.includes("@font-face")) {
  throw new Error(`application.css refers to files that nothing serves: ${outside.join(", ") || "a font face"}`);
}
writeFileSync(join(build, "application.css"), css);

const copies = [
  ["govuk-frontend/dist/govuk/govuk-frontend.min.js", "govuk-frontend.min.js"],
  ["tus-js-client/dist/tus.min.js", "tus.min.js"],
  // SHA-256 of files of any size, as the modules that they are: each imports the next.
  ...["sha2.js", "_md.js", "_u64.js", "utils.js"].map((name) => [`@noble/hashes/${name}`, `noble/${name}`]),
];
mkdirSync(join(build, "noble"));
for (const [from, to] of copies) {
  // Source maps are not shipped, so the line that points at one would be a 404 in every developer's console.
  const text = readFileSync(join(modules, from), "utf8").replace(/\n?\/\/# sourceMappingURL=.*\s*$/, "\n");
  writeFileSync(join(build, to), text);
}
// The reader of barcodes, for browsers that have none of their own: two modules, and what they compile, byte for byte.
mkdirSync(join(build, "zxing", "reader"), { recursive: true });
for (const [from, to] of [["es/reader/index.js", "reader/index.js"], ["es/share.js", "share.js"], ["reader/zxing_reader.wasm", "reader/zxing_reader.wasm"]]) {
  copyFileSync(join(modules, "zxing-wasm", "dist", from), join(build, "zxing", to));
}
const notices = ["govuk-frontend", "tus-js-client", "@noble/hashes", "zxing-wasm"].map((name) => {
  const { version, license, homepage } = JSON.parse(readFileSync(join(modules, name, "package.json"), "utf8"));
  return `${name} ${version}, licence ${license}${homepage ? `, ${homepage}` : ""}`;
});
writeFileSync(join(build, "NOTICES.txt"), `${notices.join("\n")}\n`);

console.log(`built application.css (${Math.round(css.length / 1024)} KiB) and ${copies.length} bundles`);
