// Copies the vendored scripts out of node_modules and writes the checksum manifest.
// Run by `npm run build`; the desk itself never needs Node.
import { createHash } from "node:crypto";
import { copyFileSync, readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const copies = [
  ["htmx.org/dist/htmx.min.js", "static/vendor/htmx.min.js"],
  ["htmx.org/LICENSE", "static/vendor/htmx.LICENSE"],
  [
    "lightweight-charts/dist/lightweight-charts.standalone.production.js",
    "static/vendor/lightweight-charts.js",
  ],
  ["lightweight-charts/LICENSE", "static/vendor/lightweight-charts.LICENSE"],
  ["axe-core/axe.min.js", "tests/browser/vendor/axe.min.js"],
  ["axe-core/LICENSE", "tests/browser/vendor/axe.LICENSE"],
];
for (const [from, to] of copies) copyFileSync(join(root, "node_modules", from), join(root, to));

const files = [];
const walk = (folder) => {
  for (const name of readdirSync(folder).sort()) {
    const path = join(folder, name);
    if (statSync(path).isDirectory()) walk(path);
    else if (name !== "manifest.sha256") files.push(path);
  }
};
walk(join(root, "static"));
walk(join(root, "tests/browser/vendor"));
const lines = files
  .map((path) => [relative(root, path), createHash("sha256").update(readFileSync(path)).digest("hex")])
  .sort(([a], [b]) => (a < b ? -1 : 1))
  .map(([path, digest]) => `${digest}  ${path}\n`);
writeFileSync(join(root, "static/manifest.sha256"), lines.join(""));
