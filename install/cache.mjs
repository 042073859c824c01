/**
 * Our cache folder: `$XDG_CACHE_HOME/dgsam`, else `~/.cache/dgsam`. It holds one folder for each fetched LibTorch.
 *
 * A folder is made in a staging folder beside its place and renamed when finished, so that a place never holds half of it.
 */

import { randomBytes } from "node:crypto";
import {
  chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, renameSync, rmSync, statSync, statfsSync, writeFileSync,
} from "node:fs";
import os from "node:os";
import path from "node:path";
import { InstallError } from "./errors.mjs";
import { PINNED_LIBTORCH } from "./platform.mjs";
import { stoppable } from "./run.mjs";
import { isSharedLibrary } from "./wheel.mjs";

const RECORD = "dgsam-libtorch.json";
const OTHER_FOLDER = "Name a folder with room that you may write to: export XDG_CACHE_HOME=/path/to/folder";

/** @param {NodeJS.ProcessEnv} env */
export function cacheFolder(env) {
  const base = env["XDG_CACHE_HOME"] ?? "";
  // The XDG specification: a relative path is to be ignored.
  return path.join(path.isAbsolute(base) ? base : path.join(env["HOME"] || homeFolder(), ".cache"), "dgsam");
}

/** The home folder that the system knows of: none for a user id that it has no entry for, as in `docker run --user 12345`. */
function homeFolder() {
  try {
    return os.homedir();
  } catch (error) {
    throw new InstallError("ERR_LIBTORCH", "There is no folder for the cache: HOME is not set, and this user has no home folder.", { remedies: [OTHER_FOLDER], cause: error });
  }
}

/**
 * Where the cache keeps the pinned LibTorch of a variant; `libtorch` is the folder inside that holds include and lib, null
 * while nothing is there.
 * @param {NodeJS.ProcessEnv} env
 * @param {string} variant
 */
export function cachedLibTorch(env, variant) {
  const folder = path.join(cacheFolder(env), "libtorch", `${PINNED_LIBTORCH}-${variant}`);
  const record = readRecord(folder);
  return { folder, libtorch: record === null ? null : path.join(folder, record.libtorch) };
}

/**
 * Notes in a fetched folder what it holds, how large its libraries are, and where it came from.
 * @param {string} folder
 * @param {{ libtorch: string, version: string, variant: string, from: string }} record `libtorch`: the folder inside that
 * holds include and lib
 */
export function writeRecord(folder, record) {
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter(isSharedLibrary).sort();
  const libraries = Object.fromEntries(files.map((file) => [file, statSync(path.join(folder, file)).size]));
  writeFileSync(path.join(folder, RECORD), `${JSON.stringify({ ...record, libraries }, null, 2)}\n`);
}

/**
 * The record of a fetched folder; null without one that can be read.
 * @param {string} folder
 * @returns {{ libtorch: string, libraries: Record<string, number> } | null}
 */
function readRecord(folder) {
  try {
    const { libtorch, libraries } = JSON.parse(readFileSync(path.join(folder, RECORD), "utf8"));
    return typeof libtorch === "string" && typeof libraries === "object" && libraries !== null ? { libtorch, libraries } : null;
  } catch {
    return null;
  }
}

/**
 * What has happened to a LibTorch since it was fetched: a library that is missing or has another size. Null when nothing
 * has, and for a LibTorch that is not out of a cache.
 * @param {string} root the folder that holds include and lib
 */
export function cacheDamage(root) {
  const parent = path.dirname(path.resolve(root));
  for (const folder of [parent, path.dirname(parent)]) {
    const record = readRecord(folder);
    if (record === null || path.join(folder, record.libtorch) !== path.resolve(root)) continue;
    for (const [name, size] of Object.entries(record.libraries)) {
      const present = statSync(path.join(folder, name), { throwIfNoEntry: false })?.size;
      if (present !== size) return `${name} is damaged: ${present === undefined ? "it is missing" : `it has ${present} bytes instead of ${size}`}`;
    }
  }
  return null;
}

/**
 * Lets `fill` make a folder and puts it in its place when that succeeded; whatever happens, nothing half-made stays.
 * The caller holds a lock on `folder`.
 * @template T
 * @param {string} folder
 * @param {(staging: string) => Promise<T>} fill
 * @returns {Promise<T>}
 */
export async function makeFolder(folder, fill) {
  const parent = path.dirname(folder);
  const prefix = `.staging-${path.basename(folder)}-${os.hostname()}-`;
  /** @type {string} */
  let staging;
  try {
    mkdirSync(parent, { recursive: true });
    // Left over by installs that were killed: the lock says that none is at work.
    for (const name of readdirSync(parent)) if (name.startsWith(prefix)) rmSync(path.join(parent, name), { recursive: true, force: true });
    staging = mkdtempSync(path.join(parent, prefix));
    // mkdtemp lets nobody else in; a cache may be shared.
    chmodSync(staging, 0o755);
  } catch (error) {
    throw folderError(folder, error);
  }
  // Retried, since a command that was just ended may have left something on its way to the disk.
  const discard = () => rmSync(staging, { recursive: true, force: true, maxRetries: 10 });
  return stoppable(async () => {
    try {
      const result = await fill(staging);
      if (existsSync(folder)) {
        // Damaged, or made meanwhile by another machine that shares the folder: the new one is known to be whole.
        const old = mkdtempSync(path.join(parent, prefix));
        renameSync(folder, path.join(old, "old"));
        rmSync(old, { recursive: true, force: true });
      }
      renameSync(staging, folder);
      return result;
    } catch (error) {
      // A system call failed: that is about the folder, whatever was being put into it.
      throw error instanceof Error && "syscall" in error ? folderError(folder, error) : error;
    } finally {
      discard();
    }
  }, discard);
}

/**
 * @param {string} folder
 * @param {unknown} error
 */
function folderError(folder, error) {
  const text = error instanceof Error ? error.message : String(error);
  if (isDiskFull(text)) return diskFull(folder, error);
  return new InstallError("ERR_LIBTORCH", `${folder} could not be made: ${text}`, { remedies: [OTHER_FOLDER], cause: error });
}

/**
 * @param {string} folder
 * @param {unknown} [cause]
 */
export function diskFull(folder, cause) {
  return new InstallError("ERR_LIBTORCH", `The disk of ${folder} is full.`, { remedies: ["Make room, or take another disk.", OTHER_FOLDER], cause });
}

/** @param {string} text what a system call or a command said */
export function isDiskFull(text) {
  return /No space left on device|ENOSPC|EDQUOT|quota exceeded/i.test(text);
}

/**
 * Whether nothing can be written to a folder any more, for want of blocks, inodes or quota: found out by writing, for
 * commands that do not tell.
 * @param {string} folder
 */
export function hasNoRoom(folder) {
  const probe = path.join(folder, ".probe");
  try {
    // Not zeros, which some file systems store nowhere.
    writeFileSync(probe, randomBytes(1 << 20));
    return false;
  } catch (error) {
    return isDiskFull(String(error));
  } finally {
    rmSync(probe, { force: true });
  }
}

/**
 * Throws unless the disk of a folder, which need not exist yet, has room.
 * @param {string} folder
 * @param {number} needed bytes
 * @param {(folder: string) => number} [freeBytes]
 */
export function assertRoom(folder, needed, freeBytes = diskFreeBytes) {
  let existing = folder;
  while (!existsSync(existing)) existing = path.dirname(existing);
  const free = freeBytes(existing);
  if (free >= needed) return;
  const gigabytes = (/** @type {number} */ bytes) => `${(bytes / 1e9).toFixed(1)} GB`;
  throw new InstallError("ERR_LIBTORCH", `LibTorch needs ${gigabytes(needed)} in ${folder}, but only ${gigabytes(free)} are free.`, {
    remedies: [OTHER_FOLDER],
  });
}

/** @param {string} folder */
function diskFreeBytes(folder) {
  const { bavail, bsize } = statfsSync(folder);
  return bavail * bsize;
}
