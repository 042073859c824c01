/**
 * `build/Release/dgsam-build.json`: what the addon beside it was built against. lib/native.ts checks it before it opens the
 * addon; `dgsam doctor` prints it.
 */

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

/** @typedef {import("./record.mjs").BuildRecord} BuildRecord */

export const ROOT = fileURLToPath(new URL("..", import.meta.url));
export const RELEASE = path.join(ROOT, "build", "Release");
const RECORD = path.join(RELEASE, "dgsam-build.json");

/** @returns {BuildRecord | null} */
export function readRecord() {
  try {
    return JSON.parse(readFileSync(RECORD, "utf8"));
  } catch {
    return null;
  }
}

/** @param {BuildRecord} record */
export function writeRecord(record) {
  mkdirSync(RELEASE, { recursive: true });
  writeFileSync(RECORD, `${JSON.stringify(record, null, 2)}\n`);
}
