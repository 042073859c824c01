/**
 * `build/Release/dgsam-build.json`: what the addon beside it was built against, and what the build's files are.
 * lib/native.ts checks it before it opens the addon; `dgsam doctor` prints it.
 */

import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

/** @typedef {import("./record.mjs").BuildRecord} BuildRecord */

export const ROOT = fileURLToPath(new URL("..", import.meta.url));
export const RELEASE = path.join(ROOT, "build", "Release");
const RECORD = path.join(RELEASE, "dgsam-build.json");
const OUTPUTS = ["dgsam.node", process.platform === "darwin" ? "libdgsam_ops.dylib" : "libdgsam_ops.so"];

/** Whether this is a clone: an installed package has dist/ and no lib/. */
export const IS_CLONE = existsSync(path.join(ROOT, "lib"));
/** Builds the addon, also where npm is told to run no scripts (`npm rebuild` then does nothing and says nothing). */
export const BUILD_COMMAND = IS_CLONE ? "npm run setup" : `node ${quoted(path.join(ROOT, "install", "install.mjs"))}`;

/** @param {string} file */
function quoted(file) {
  return /^[\w@%+=:,./-]+$/.test(file) ? file : `"${file.replace(/["$`\\]/g, "\\$&")}"`;
}

/** @returns {BuildRecord | null} */
export function readRecord() {
  try {
    const record = JSON.parse(readFileSync(RECORD, "utf8"));
    return isComplete(record) ? record : null;
  } catch {
    return null;
  }
}

/** @param {any} record */
function isComplete({ libtorch, tried, cuda, compiler, node, hash, outputs }) {
  const texts = [libtorch.root, libtorch.lib, libtorch.version, libtorch.variant, libtorch.abi, libtorch.source, compiler, node, hash];
  return texts.every((text) => typeof text === "string") && Array.isArray(tried) && (typeof cuda.reason === "string" || Array.isArray(cuda.archs)) && OUTPUTS.every((name) => typeof outputs[name].size === "number");
}

/**
 * Notes a build that has just ended well.
 * @param {Omit<BuildRecord, "outputs">} build
 * @returns {BuildRecord}
 */
export function writeRecord(build) {
  const outputs = Object.fromEntries(OUTPUTS.map((name) => {
    const content = readFileSync(path.join(RELEASE, name));
    return [name, { size: content.length, sha256: sha256(content) }];
  }));
  const record = { ...build, outputs };
  writeFileSync(RECORD, `${JSON.stringify(record, null, 2)}\n`);
  return record;
}

/** Takes away a build and its record: what a build that fails or is interrupted leaves must not pass for a whole one. */
export function removeBuild() {
  mkdirSync(RELEASE, { recursive: true });
  for (const file of [RECORD, ...OUTPUTS.map((name) => path.join(RELEASE, name))]) rmSync(file, { force: true });
}

/**
 * What has happened to the files of a build since, in one line; null when nothing has.
 * @param {BuildRecord} record
 * @param {{ content?: boolean }} [options] `content`: compare the files' contents and not only their sizes
 */
export function buildDamage({ outputs }, { content = false } = {}) {
  for (const [name, { size, sha256: hash }] of Object.entries(outputs)) {
    const file = path.join(RELEASE, name);
    const present = statSync(file, { throwIfNoEntry: false })?.size;
    if (present === undefined) return `${file} is missing`;
    if (present !== size) return `${file} has ${present} bytes, and ${size} were built`;
    if (content && sha256(readFileSync(file)) !== hash) return `${file} is not the file that was built`;
  }
  return null;
}

/** @param {Buffer} content */
function sha256(content) {
  return createHash("sha256").update(content).digest("hex");
}
