/**
 * Fetches the pinned LibTorch into the cache. A CPU build comes by pip from the user's own index, else by pip from
 * PyTorch's CPU index, else as the official archive, which needs no Python. A CUDA build comes by pip with the packages it
 * needs.
 */

import { existsSync, readdirSync, rmSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { archive as officialArchive } from "./archives.mjs";
import { assertRoom, cachedLibTorch, diskFull, hasNoRoom, isDiskFull, makeFolder, writeRecord } from "./cache.mjs";
import { AGAIN, InstallError } from "./errors.mjs";
import { inspectLibTorch } from "./inspect.mjs";
import { withLock } from "./lock.mjs";
import { PINNED_LIBTORCH, currentHost } from "./platform.mjs";
import { failure, pip } from "./pip.mjs";
import { run } from "./run.mjs";
import { wheelDamage } from "./wheel.mjs";

const PYTORCH_INDEX = "https://download.pytorch.org/whl";
const DOWNLOAD_SCRIPT = fileURLToPath(new URL("download.cmake", import.meta.url));
/** Room that a fetch needs at its worst moment, in bytes: what was downloaded and what is unpacked from it. */
const ROOM = { cpu: 1.5e9, cuda: 8e9 };

/** @typedef {import("./find.mjs").Attempt} Attempt */

/**
 * @typedef {object} FetchOptions
 * @property {string} variant "cpu", or a CUDA build such as "cu130"
 * @property {Attempt[]} tried is added to
 * @property {(line: string) => void} log
 * @property {NodeJS.ProcessEnv} [env]
 * @property {import("./platform.mjs").Host} [host]
 * @property {import("./archives.mjs").Archive | null} [archive]
 */

/**
 * @param {FetchOptions} options
 * @returns {Promise<import("./find.mjs").FoundLibTorch>}
 */
export async function fetchLibTorch({ variant, tried, log, env = process.env, host = currentHost(), archive = officialArchive(host) }) {
  const { folder } = cachedLibTorch(env, variant);
  const onWait = () => log(`Another install is fetching LibTorch into ${folder}: waiting for it`);
  return withLock(folder, async () => {
    // Whoever held the lock before may have fetched it.
    const present = usable(cachedLibTorch(env, variant).libtorch);
    if (present !== null) return { ...present, source: "cache" };
    assertRoom(folder, variant === "cpu" ? ROOM.cpu : ROOM.cuda);
    for (const source of variant === "cpu" ? cpuSources(host, archive) : cudaSources(host, variant)) {
      log(`Fetching LibTorch ${PINNED_LIBTORCH} (${variant === "cpu" ? "CPU build, about 0.2 GB" : `${variant}, about 3 GB`}): ${source.place}`);
      try {
        await makeFolder(folder, (staging) => fill(source, staging, variant, env));
      } catch (error) {
        // An InstallError is about the folder or the disk: no other source would do better.
        if (error instanceof InstallError) throw error;
        tried.push({ place: source.place, outcome: "failed", detail: error instanceof Error ? error.message : String(error) });
        continue;
      }
      tried.push({ place: source.place, outcome: "used", detail: folder });
      return { ...inspectLibTorch(/** @type {string} */ (cachedLibTorch(env, variant).libtorch)), source: source.place };
    }
    throw new InstallError("ERR_LIBTORCH", `LibTorch ${PINNED_LIBTORCH} (${variant}) was neither found nor could it be fetched.`, {
      tried,
      remedies: [
        ...(variant === "cpu" ? [] : ["To do without the GPU, which needs no Python: export DGSAM_LIBTORCH_VARIANT=cpu"]),
        `Install PyTorch where python3 finds it: python3 -m pip install torch==${PINNED_LIBTORCH}`,
        "or unpack a LibTorch of https://pytorch.org and name its folder: export DGSAM_LIBTORCH=/path/to/libtorch",
        "Where only a mirror can be reached, tell pip: python3 -m pip config set global.index-url URL",
        AGAIN,
      ],
    });
  }, { onWait });
}

/** @param {string | null} folder */
function usable(folder) {
  try {
    return folder === null ? null : inspectLibTorch(folder);
  } catch {
    return null;
  }
}

/**
 * A way to get LibTorch. `get` puts it into the staging folder, throws a plain Error when it cannot, and returns the name
 * of the folder inside that holds include and lib.
 * @typedef {object} Source
 * @property {string} place
 * @property {(staging: string, env: NodeJS.ProcessEnv) => Promise<string>} get
 */

/**
 * @param {import("./platform.mjs").Host} host
 * @param {import("./archives.mjs").Archive | null} archive
 * @returns {Source[]}
 */
function cpuSources(host, archive) {
  // The plain wheel for Linux is a CUDA build of gigabytes. The label is one that only a CPU wheel bears: an index
  // without such a wheel says so before anything is downloaded. Wheels for macOS bear none.
  const requirement = host.platform === "linux" ? `torch==${PINNED_LIBTORCH}+cpu` : `torch==${PINNED_LIBTORCH}`;
  /** @type {Source[]} */
  const sources = [
    { place: "pip", get: (staging, env) => pipWheel(staging, env, [requirement]) },
    { place: "pip with PyTorch's CPU index", get: (staging, env) => pipWheel(staging, env, ["--index-url", `${PYTORCH_INDEX}/cpu`, requirement]) },
  ];
  if (archive !== null) sources.push({ place: "official archive", get: (staging, env) => downloadArchive(staging, env, archive) });
  return sources;
}

/**
 * @param {import("./platform.mjs").Host} host
 * @param {string} variant
 * @returns {Source[]}
 */
function cudaSources(host, variant) {
  /** @type {Source} */
  const pytorch = {
    place: `pip with PyTorch's ${variant} index`,
    get: (staging, env) => pipInstall(staging, env, ["--extra-index-url", `${PYTORCH_INDEX}/${variant}`, `torch==${PINNED_LIBTORCH}+${variant}`]),
  };
  // On the Python package index the plain wheel for Linux x64 is the CUDA 13.0 build. "===" compares letter by letter:
  // "==" would also take a CPU wheel of an index that has both.
  if (variant !== "cu130" || host.arch !== "x64") return [pytorch];
  return [{ place: "pip", get: (staging, env) => pipInstall(staging, env, [`torch===${PINNED_LIBTORCH}`]) }, pytorch];
}

/**
 * @param {Source} source
 * @param {string} staging
 * @param {string} variant
 * @param {NodeJS.ProcessEnv} env
 */
async function fill(source, staging, variant, env) {
  const libtorch = await source.get(staging, env);
  let found;
  try {
    found = inspectLibTorch(path.join(staging, libtorch));
  } catch (error) {
    throw new Error(`what came is not usable: ${error instanceof Error ? error.message : error}`);
  }
  if (found.variant !== variant || found.version.split("+")[0] !== PINNED_LIBTORCH)
    throw new Error(`expected ${PINNED_LIBTORCH} (${variant}), got ${found.version} (${found.variant})`);
  writeRecord(staging, { libtorch, version: found.version, variant, from: source.place });
}

/**
 * @param {string} staging
 * @param {NodeJS.ProcessEnv} env
 * @param {string[]} what
 */
async function pipWheel(staging, env, what) {
  const wheels = path.join(staging, "wheels");
  await pip(env, staging, ["download", "--quiet", "--no-deps", "--only-binary=:all:", "--dest", wheels, ...what]);
  const [wheel] = existsSync(wheels) ? readdirSync(wheels) : [];
  if (wheel === undefined) throw new Error("pip downloaded nothing");
  await unpack(path.join(wheels, wheel), staging, env);
  const damage = await wheelDamage(staging);
  if (damage !== null) throw damaged(wheel, staging, damage);
  rmSync(wheels, { recursive: true });
  return "torch";
}

/**
 * @param {string} staging
 * @param {NodeJS.ProcessEnv} env
 * @param {string[]} what
 */
async function pipInstall(staging, env, what) {
  await pip(env, staging, ["install", "--quiet", "--only-binary=:all:", "--target", path.join(staging, "packages"), ...what]);
  // The libraries of torch look for those of the NVIDIA packages in the folders beside it.
  return path.join("packages", "torch");
}

/**
 * @param {string} staging
 * @param {NodeJS.ProcessEnv} env
 * @param {import("./archives.mjs").Archive} archive
 */
async function downloadArchive(staging, env, { url, sha256 }) {
  const file = path.join(staging, "libtorch.zip");
  // CMake is needed for the build anyway; its download honours proxies and checks the hash.
  const result = await run("cmake", [`-DURL=${url}`, `-DSHA256=${sha256}`, `-DFILE=${file}`, "-P", DOWNLOAD_SCRIPT], { env });
  if (!result.ok) throw failure(result, staging);
  await unpack(file, staging, env);
  rmSync(file);
  return "libtorch";
}

/**
 * @param {string} archive
 * @param {string} folder
 * @param {NodeJS.ProcessEnv} env
 */
async function unpack(archive, folder, env) {
  const result = await run("cmake", ["-E", "tar", "xf", archive], { cwd: folder, env });
  // CMake ends with status 0 also where files are damaged or could not be written; it is silent only where all went well.
  const [said = ""] = result.stderr.trim().split("\n");
  if (result.ok && said === "") return;
  throw isDiskFull(result.stderr) ? diskFull(folder) : damaged(archive, folder, said.replace(/^cmake -E tar: /, "") || result.reason);
}

/**
 * @param {string} archive
 * @param {string} folder where it was unpacked: CMake says nothing of a full disk, and leaves out what finds no room
 * @param {string} reason
 */
function damaged(archive, folder, reason) {
  return hasNoRoom(folder) ? diskFull(folder) : new Error(`${path.basename(archive)} is damaged: ${reason}`);
}
