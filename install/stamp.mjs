/** Stamps: a step of the set-up is done when its inputs are what they were when it last succeeded. */

import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";

/**
 * A hash of files and folders, by content and name.
 * @param {string} root
 * @param {string[]} entries paths below root; those that do not exist count as absent
 * @param {string[]} [extra] other facts that matter
 */
export function hashInputs(root, entries, extra = []) {
  const hash = createHash("sha256");
  const add = (/** @type {string} */ relative) => {
    const full = path.join(root, relative);
    if (!existsSync(full)) return;
    if (statSync(full).isDirectory()) for (const name of readdirSync(full).sort()) add(path.join(relative, name));
    else hash.update(`${relative}\0`).update(readFileSync(full)).update("\0");
  };
  entries.forEach(add);
  for (const fact of extra) hash.update(`${fact}\0`);
  return hash.digest("hex");
}

/**
 * @param {string} file where the stamp lies
 * @param {string} hash
 */
export function isStamped(file, hash) {
  return existsSync(file) && readFileSync(file, "utf8") === hash;
}

/**
 * @param {string} file
 * @param {string} hash
 */
export function stamp(file, hash) {
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, hash);
}
