/** Checks what was unpacked from a wheel against the wheel's own list: its RECORD has path, hash and size of each file. */

import { createHash } from "node:crypto";
import { createReadStream, existsSync, readFileSync, readdirSync, statSync } from "node:fs";
import path from "node:path";

/**
 * What is wrong with an unpacked wheel, in one line; null when nothing is. All sizes are checked; contents of the shared
 * libraries alone: they are most of the bytes, and what ends a process when it is damaged.
 * @param {string} folder
 * @returns {Promise<string | null>}
 */
export async function wheelDamage(folder) {
  const info = readdirSync(folder).find((name) => name.endsWith(".dist-info"));
  const list = path.join(folder, info ?? "", "RECORD");
  if (info === undefined || !existsSync(list)) return "it has no RECORD";
  for (const line of readFileSync(list, "utf8").split("\n")) {
    // The line of RECORD itself has neither hash nor size. Names with commas are quoted.
    const [, name, algorithm, hash, size] = /^"?(.+?)"?,(\w+)=([\w-]+),(\d+)\r?$/.exec(line) ?? [];
    if (name === undefined || algorithm === undefined) continue;
    const file = path.join(folder, name);
    const present = statSync(file, { throwIfNoEntry: false });
    if (present === undefined) return `${name} is missing`;
    if (present.size !== Number(size)) return `${name} has ${present.size} bytes instead of ${size}`;
    if (isSharedLibrary(name) && (await hashFile(file, algorithm)) !== hash) return `the ${algorithm} of ${name} is wrong`;
  }
  return null;
}

/** @param {string} file */
export function isSharedLibrary(file) {
  return /\.(so|dylib)(\.[\d.]+)?$/.test(file);
}

/**
 * @param {string} file
 * @param {string} algorithm
 */
async function hashFile(file, algorithm) {
  const hash = createHash(algorithm);
  for await (const chunk of createReadStream(file)) hash.update(chunk);
  return hash.digest("base64url");
}
