/**
 * Our cache folder: `$XDG_CACHE_HOME/dgsam`, else `~/.cache/dgsam`. It holds one folder for each fetched LibTorch.
 *
 * A folder is made in a staging folder beside its place and renamed when finished, so that a place never holds half of it.
 */

import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, renameSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { InstallError } from "./errors.mjs";
import { PINNED_LIBTORCH } from "./platform.mjs";

const RECORD = "dgsam-libtorch.json";
const OTHER_FOLDER = "Name a folder with room that you may write to: export XDG_CACHE_HOME=/path/to/folder";

/** @param {NodeJS.ProcessEnv} env */
export function cacheFolder(env) {
  const base = env["XDG_CACHE_HOME"] ?? "";
  // The XDG specification: a relative path is to be ignored.
  return path.join(path.isAbsolute(base) ? base : path.join(env["HOME"] || os.homedir(), ".cache"), "dgsam");
}

/**
 * Where the cache keeps the pinned LibTorch of a variant; `libtorch` is the folder inside that holds include and lib, null
 * while nothing is there.
 * @param {NodeJS.ProcessEnv} env
 * @param {string} variant
 */
export function cachedLibTorch(env, variant) {
  const folder = path.join(cacheFolder(env), "libtorch", `${PINNED_LIBTORCH}-${variant}`);
  const record = path.join(folder, RECORD);
  if (!existsSync(record)) return { folder, libtorch: null };
  const { libtorch } = JSON.parse(readFileSync(record, "utf8"));
  return { folder, libtorch: path.join(folder, libtorch) };
}

/**
 * Notes in a fetched folder what it holds and where it came from.
 * @param {string} folder
 * @param {{ libtorch: string, version: string, variant: string, from: string }} record `libtorch`: the folder inside that
 * holds include and lib
 */
export function writeRecord(folder, record) {
  writeFileSync(path.join(folder, RECORD), `${JSON.stringify(record, null, 2)}\n`);
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
  const discard = () => rmSync(staging, { recursive: true, force: true });
  const stop = (/** @type {NodeJS.Signals} */ signal) => {
    discard();
    process.exit(128 + os.constants.signals[signal]);
  };
  process.on("SIGINT", stop).on("SIGTERM", stop);
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
    process.off("SIGINT", stop).off("SIGTERM", stop);
    discard();
  }
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
