/** Makes folders. */

import { existsSync, mkdirSync, rmdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";

/**
 * Makes a folder and those above it, level by level: for a place that cannot have folders, say /proc/x, Node's own recursive
 * form tries for ever (seen in Node 20).
 */
export function makeFolder(folder: string): void {
  if (existsSync(folder)) return;
  makeFolder(path.dirname(path.resolve(folder)));
  try {
    mkdirSync(folder);
  } catch (error) {
    // Another process may have made it meanwhile.
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
}

/** Throws what the system says unless a file can be written. What is made to find that out is removed: folders, too. */
export function tryToWrite(file: string): void {
  if (statSync(file, { throwIfNoEntry: false })?.isDirectory() === true) throw new Error("it is a folder");
  const folder = path.dirname(path.resolve(file));
  const missing: string[] = [];
  for (let at = folder; !existsSync(at); at = path.dirname(at)) missing.push(at);
  const trial = `${path.resolve(file)}.${process.pid}.tmp`;
  try {
    makeFolder(folder);
    writeFileSync(trial, "");
  } finally {
    rmSync(trial, { force: true });
    for (const each of missing) if (existsSync(each)) rmdirSync(each);
  }
}
