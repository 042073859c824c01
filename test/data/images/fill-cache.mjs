/** Prepares a data set of the images of a folder, for the tests of the cache: node fill-cache.mjs IMAGES CACHE [progress|once|gather]. */
import { readFileSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { imageDataset } from "../../../dist/index.js";

const [folder, cacheFolder, how] = process.argv.slice(2);
const records = readdirSync(folder).sort().map((name) => {
  const path = join(folder, name);
  const identity = () => `${path}|${statSync(path).size}|${statSync(path).mtimeMs}`;
  return { label: 0, image: { path, get identity() { return identity(); }, read: async () => { process.send?.("read"); return readFileSync(path); } } };
});
process.on("warning", (warning) => process.send?.(`warning ${warning.code} ${warning.message}`));
const dataset = imageDataset({ name: "Files", classes: ["x"], domains: [{ name: "d", records }] }, { imageSize: 16, cacheFolder, normalize: false, augment: false });
await dataset.prepare({ onProgress: ({ done }) => { if (how === "progress") process.send?.(`done ${done}`); } });
const { x } = dataset.domains[0].batch(records.map((_, i) => i));
process.send?.(`sum ${x.data().reduce((sum, value, i) => sum + value * ((i % 97) + 1), 0)}`);
// Node shows warnings a turn later.
setTimeout(() => process.disconnect?.(), 20);
