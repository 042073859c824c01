/**
 * Finds LibTorch. The order is: DGSAM_LIBTORCH or LIBTORCH; the torch of a Python in PATH; system folders; our cache.
 * Every place looked at is noted, so that a failure (and `dgsam doctor`) can show the whole search.
 */

import { existsSync } from "node:fs";
import path from "node:path";
import { cachedLibTorch } from "./cache.mjs";
import { InstallError } from "./errors.mjs";
import { inspectLibTorch } from "./inspect.mjs";
import { findPythons } from "./python.mjs";

/** @typedef {import("./find.mjs").Attempt} Attempt */
/** @typedef {import("./find.mjs").FoundLibTorch} FoundLibTorch */

export const LIBTORCH_VARIABLES = ["DGSAM_LIBTORCH", "LIBTORCH"];

/** Where package managers and people put LibTorch. */
const SYSTEM_FOLDERS = ["/usr", "/usr/lib/libtorch", "/usr/local", "/usr/local/lib/libtorch", "/usr/local/libtorch"];

/**
 * @param {{ variant: string, env?: NodeJS.ProcessEnv, systemFolders?: string[] }} options `variant`: the build that the
 * cache must hold; a LibTorch found elsewhere may be any build
 * @returns {Promise<{ found: FoundLibTorch | null, tried: Attempt[] }>}
 */
export async function findLibTorch({ variant, env = process.env, systemFolders = SYSTEM_FOLDERS }) {
  /** @type {Attempt[]} */
  const tried = [];
  const found =
    fromEnvironment(env, tried) ??
    (await fromPython(env, tried)) ??
    fromSystem(env, systemFolders, tried) ??
    fromCache(env, variant, tried);
  return { found, tried };
}

/**
 * A bad value is an error: whoever names a LibTorch wants that one and no other.
 * @param {NodeJS.ProcessEnv} env
 * @param {Attempt[]} tried
 */
function fromEnvironment(env, tried) {
  const variable = LIBTORCH_VARIABLES.find((name) => (env[name] ?? "") !== "");
  if (variable === undefined) {
    tried.push({ place: LIBTORCH_VARIABLES.join(", "), outcome: "not set", detail: "" });
    return null;
  }
  // npm runs scripts in the package's folder: what a person names is relative to where npm was called.
  const folder = path.resolve(env["INIT_CWD"] || process.cwd(), /** @type {string} */ (env[variable]));
  const found = inspectPlace(variable, folder, tried);
  if (found !== null) return found;
  const reason = existsSync(folder) ? tried.at(-1)?.detail : `${folder}: no such folder`;
  throw new InstallError("ERR_LIBTORCH", `${variable} names no usable LibTorch. ${reason}`, {
    remedies: [
      "Name the folder that holds LibTorch's include and lib, for instance:",
      `  export ${variable}="$(python3 -c 'import torch; print(torch.__path__[0])')"`,
      `or let dgsam find or fetch one: unset ${variable}`,
    ],
  });
}

/**
 * @param {NodeJS.ProcessEnv} env
 * @param {Attempt[]} tried
 */
async function fromPython(env, tried) {
  const { pythons, broken } = await findPythons(env);
  for (const { command, reason } of broken) tried.push({ place: command, outcome: "failed", detail: reason });
  if (pythons.length + broken.length === 0) tried.push({ place: "python3, python", outcome: "not found in PATH", detail: "" });
  for (const { command, executable, torch } of pythons) {
    if (torch === null) {
      tried.push({ place: command, outcome: "has no torch", detail: executable });
      continue;
    }
    const found = inspectPlace(command, torch, tried);
    if (found !== null) return found;
  }
  return null;
}

/**
 * @param {NodeJS.ProcessEnv} env
 * @param {string[]} folders
 * @param {Attempt[]} tried
 */
function fromSystem(env, folders, tried) {
  const homebrew = env["HOMEBREW_PREFIX"] ?? "";
  const all = homebrew === "" ? folders : [...folders, homebrew, `${homebrew}/opt/pytorch`];
  const candidates = all.filter((folder) => existsSync(`${folder}/include/torch`));
  if (candidates.length === 0) tried.push({ place: "system", outcome: "has none", detail: all.join(" ") });
  for (const folder of candidates) {
    const found = inspectPlace("system", folder, tried);
    if (found !== null) return found;
  }
  return null;
}

/**
 * @param {NodeJS.ProcessEnv} env
 * @param {string} variant
 * @param {Attempt[]} tried
 */
function fromCache(env, variant, tried) {
  const entry = cachedLibTorch(env, variant);
  if (existsSync(entry.folder)) return inspectPlace("cache", entry.libtorch ?? entry.folder, tried);
  tried.push({ place: "cache", outcome: "has none", detail: entry.folder });
  return null;
}

/**
 * @param {string} place
 * @param {string} folder
 * @param {Attempt[]} tried
 * @returns {FoundLibTorch | null}
 */
function inspectPlace(place, folder, tried) {
  try {
    const libtorch = inspectLibTorch(folder);
    tried.push({ place, outcome: "used", detail: `LibTorch ${libtorch.version} in ${folder}` });
    return { ...libtorch, source: place };
  } catch (error) {
    if (!(error instanceof InstallError)) throw error;
    tried.push({ place, outcome: "not usable", detail: error.message });
    return null;
  }
}
