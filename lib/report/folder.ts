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
  const attempt = (): void => {
    makeFolder(folder);
    writeFileSync(trial, "");
  };
  try {
    try {
      attempt();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
      // Another process that tries has just removed what it made.
      attempt();
    }
  } finally {
    rmSync(trial, { force: true });
    removeEmpty(missing);
  }
}

/** From the innermost on, until one is somebody's. */
function removeEmpty(folders: readonly string[]): void {
  for (const each of folders) {
    try {
      rmdirSync(each);
    } catch {
      return;
    }
  }
}
