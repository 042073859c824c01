/**
 * Images per second of decoding and DomainBed's full training transforms at 224, beside torchvision's under a DataLoader of two worker
 * processes, over the same photographs.
 *
 * The sides do not take short turns as elsewhere: workers of a DataLoader go on decoding while the other side runs. Each turn
 * starts with nothing ahead and takes as many images, all different.
 */

import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { domainManifest, DomainLoader } from "dgsam";
import { findOracle } from "../../test/oracles/environment.mjs";
import { startPython } from "../python-side.mjs";

const FOLDER = path.join(process.env["DGSAM_TEST_DATA"] ?? fileURLToPath(new URL("../../../shared/data", import.meta.url)), "PACS", "photo");
const BATCH = 32;
const BATCHES = 20;
const TURNS = 3;
const WORKERS = 2;

/** Every so-many-th image, so that all classes are there. @returns {{ path: string, label: string, domain: string }[]} */
function photographs() {
  const all = readdirSync(FOLDER).sort().flatMap((label) =>
    readdirSync(path.join(FOLDER, label)).sort().map((file) => ({ path: path.join(FOLDER, label, file), label, domain: "photo" })));
  const turnOf = (/** @type {number} */ i) => Math.floor((i * BATCH * BATCHES) / all.length);
  return all.filter((_, i) => turnOf(i) !== turnOf(i - 1));
}

/** Seconds for all batches of a data set. @param {import("dgsam").ImageDataset} dataset */
async function epoch(dataset) {
  const loader = new DomainLoader(dataset.domains, { batchSize: BATCH, sampling: "shuffle" });
  const start = process.hrtime.bigint();
  for await (const [minibatch] of loader) {
    minibatch?.x.dispose();
    minibatch?.y.dispose();
    if (loader.step === BATCHES) break;
  }
  return Number(process.hrtime.bigint() - start) / 1e9;
}

export async function* loadingRows() {
  let theirs;
  try {
    readdirSync(FOLDER);
    theirs = await startPython(await findOracle(), "torchvision_loading.py", 1);
  } catch (error) {
    console.log(`No photographs or no torchvision to compare with: the rows of loading are left out (${/** @type {Error} */ (error).message})`);
    return;
  }
  const folder = mkdtempSync(path.join(os.tmpdir(), "dgsam-bench-"));
  const [manifest, cacheFolder] = [path.join(folder, "photographs.json"), path.join(folder, "cache")];
  try {
    const images = photographs();
    writeFileSync(manifest, JSON.stringify(images));
    const side = theirs.side("photographs", { options: { files: images.map((image) => image.path), batch: BATCH, workers: WORKERS } });
    const times = { theirs: Infinity, cold: Infinity, cached: Infinity };
    for (let turn = 0; turn < TURNS; turn++) {
      times.theirs = Math.min(times.theirs, await side(BATCHES));
      for (const key of /** @type {const} */ (["cold", "cached"])) {
        if (key === "cold") rmSync(cacheFolder, { recursive: true, force: true });
        const dataset = domainManifest(manifest, { cacheFolder });
        // Opening and checking the cache is part of neither.
        if (key === "cached") await dataset.prepare();
        times[key] = Math.min(times[key], await epoch(dataset));
        dataset.dispose();
      }
    }
    yield { name: "photographs at 224, transformed to train on, cold: time / torchvision's", value: times.cold / times.theirs, goal: 0.5 };
    yield { name: "photographs at 224, transformed to train on, cached: time / torchvision's", value: times.cached / times.theirs, goal: 0.1 };
  } finally {
    theirs.close();
    rmSync(folder, { recursive: true });
  }
}
