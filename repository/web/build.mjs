// Builds what the pages need into static/build/ (or the folder given): one style sheet, our modules made small and put together,
// and libraries that are fetched when they are needed. Run by `npm run build`; nothing is fetched, so it works without a network
// once `npm ci` has run.
//
// What a page names carries a digest of its content in its name, so that browsers keep it for ever and never mix two versions;
// manifest.json says for each the file, and after it the files that it imports.
import { createHash } from "node:crypto";
import { copyFileSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync } from "node:zlib";
import * as esbuild from "esbuild";
import * as sass from "sass";

const here = dirname(fileURLToPath(import.meta.url));
const modules = join(here, "node_modules");
const build = process.argv[2] ? resolve(process.argv[2]) : join(here, "static", "build");

const ENTRIES = [
  "page.js", "annotate.js", "checkup.js", "desk.js", "marks.js", "passkeys.js", "scans.js", "sending.js", "uploader.js", "viewer.js",
  "despatch/page.js", "tracking/page.js",
];

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
const sheet = `application-${createHash("sha256").update(css).digest("hex").slice(0, 12)}.css`;
writeFileSync(join(build, sheet), css);

// The modules that templates name: what two of them share is a file of its own, so that it is there once on a page of both.
const { metafile } = await esbuild.build({
  entryPoints: ENTRIES.map((name) => join(here, "static", name)),
  outbase: join(here, "static"),
  outdir: join(build, "pages"),
  entryNames: "[dir]/[name]-[hash]",
  chunkNames: "shared-[hash]",
  bundle: true,
  splitting: true,
  minify: true,
  format: "esm",
  target: "es2022",
  charset: "utf8",
  external: ["/static/*"],
  nodePaths: [modules],
  metafile: true,
  legalComments: "none", // NOTICES.txt says whose they are
});
const manifest = { "application.css": [sheet] };
const made = new Map(Object.entries(metafile.outputs).map(([path, output]) => [relative(build, resolve(path)), output]));
/** @param {string} file @param {Set<string>} [found] @returns {Set<string>} */
function withImports(file, found = new Set()) {
  found.add(file);
  for (const { path, kind, external } of made.get(file).imports) {
    const imported = relative(build, resolve(path));
    if (!external && kind === "import-statement" && !found.has(imported)) withImports(imported, found);
  }
  return found;
}
for (const [file, { entryPoint }] of made) {
  if (entryPoint && resolve(entryPoint).startsWith(join(here, "static"))) {
    const name = relative(join(here, "static"), resolve(entryPoint)).replaceAll("\\", "/");
    if (ENTRIES.includes(name)) manifest[name] = [...withImports(file)];
  }
}
writeFileSync(join(build, "manifest.json"), JSON.stringify(manifest, null, 1));

const copies = [
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

// The smallest form of each, for browsers that take it: made once here, as it takes long.
for (const name of readdirSync(build, { recursive: true })) {
  const path = join(build, String(name));
  if (/\.(css|js|wasm)$/.test(path)) writeFileSync(`${path}.br`, brotliCompressSync(readFileSync(path)));
}

console.log(`built the style sheet (${Math.round(css.length / 1024)} KiB) and ${ENTRIES.length} modules of pages`);
