/**
 * Fetches the pinned LibTorch into the cache. A CPU build comes from the user's own pip index, else from PyTorch's CPU
 * index by pip, else from that index without Python; a CUDA build comes by pip with the packages it needs.
 */

import { createHash } from "node:crypto";
import { createWriteStream, mkdirSync, readdirSync, rmSync } from "node:fs";
import path from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { assertRoom, cachedLibTorch, isDiskFull, makeFolder, writeRecord } from "./cache.mjs";
import { InstallError } from "./errors.mjs";
import { inspectLibTorch } from "./inspect.mjs";
import { withLock } from "./lock.mjs";
import { PINNED_LIBTORCH } from "./platform.mjs";
import { findPip, lastLine } from "./python.mjs";
import { run } from "./run.mjs";

const PYTORCH_INDEX = "https://download.pytorch.org/whl";
/** Room that a fetch needs while it unpacks, in bytes: measured, rounded up. */
const ROOM = { cpu: 1.5e9, cuda: 12e9 };

/** @typedef {import("./find.mjs").Attempt} Attempt */

/**
 * @param {{ variant: string, env?: NodeJS.ProcessEnv, tried: Attempt[], log: (line: string) => void, index?: string }} options
 * `tried` is added to; `index`: PyTorch's wheel index
 * @returns {Promise<import("./find.mjs").FoundLibTorch>}
 */
export async function fetchLibTorch({ variant, env = process.env, tried, log, index = PYTORCH_INDEX }) {
  const { folder } = cachedLibTorch(env, variant);
  const onWait = () => log(`Another install is fetching LibTorch into ${folder}: waiting for it`);
  return withLock(folder, async () => {
    // Whoever held the lock before may have fetched it.
    const done = cachedLibTorch(env, variant).libtorch;
    if (done !== null) return { ...inspectLibTorch(done), source: "cache" };
    assertRoom(folder, variant === "cpu" ? ROOM.cpu : ROOM.cuda);
    for (const source of sources(variant, index)) {
      try {
        log(`Fetching LibTorch ${PINNED_LIBTORCH} (${variant}): ${source.place}`);
        await makeFolder(folder, (staging) => fill(source, staging, variant, env));
        const { libtorch } = cachedLibTorch(env, variant);
        if (libtorch === null) throw new Error("nothing was written");
        tried.push({ place: source.place, outcome: "used", detail: folder });
        return { ...inspectLibTorch(libtorch), source: source.place };
      } catch (error) {
        const text = error instanceof Error ? error.message : String(error);
        if (error instanceof InstallError && isDiskFull(text)) throw error;
        tried.push({ place: source.place, outcome: "failed", detail: lastLine(text) });
      }
    }
    throw new InstallError("ERR_LIBTORCH", `LibTorch ${PINNED_LIBTORCH} (${variant}) was neither found nor could it be fetched.`, {
      tried,
      remedies: [
        "Install PyTorch where python3 finds it:  python3 -m pip install torch",
        "or unpack a LibTorch of https://pytorch.org and name it:  export DGSAM_LIBTORCH=/path/to/libtorch",
        "Behind a proxy or mirror, set pip's index first:  python3 -m pip config set global.index-url URL",
      ],
    });
  }, { onWait });
}

/**
 * @typedef {object} Source
 * @property {string} place
 * @property {(staging: string, env: NodeJS.ProcessEnv) => Promise<void>} get puts the torch package's folder into staging
 */

/**
 * @param {string} variant
 * @param {string} index
 * @returns {Source[]}
 */
function sources(variant, index) {
  // Elsewhere than on Linux x64 the plain wheel is a CPU build. There it is a CUDA build of gigabytes, so the label is
  // asked for, which only a CPU wheel has: an index without one says so before anything is downloaded.
  const requirement = process.platform === "linux" && process.arch === "x64" ? `torch==${PINNED_LIBTORCH}+cpu` : `torch==${PINNED_LIBTORCH}`;
  if (variant === "cpu")
    return [
      { place: "pip", get: (staging, env) => pipWheel(staging, env, requirement, []) },
      { place: "pip with PyTorch's CPU index", get: (staging, env) => pipWheel(staging, env, requirement, ["--index-url", `${index}/cpu`]) },
      { place: "PyTorch's CPU index", get: (staging) => downloadWheel(staging, `${index}/cpu`) },
    ];
  const fromIndex = /** @type {Source} */ ({ place: `pip with PyTorch's ${variant} index`, get: (staging, env) => pipInstall(staging, env, ["--index-url", `${index}/${variant}`]) });
  // The package index itself carries the CUDA 13.0 build.
  return variant === "cu130" ? [{ place: "pip", get: (staging, env) => pipInstall(staging, env, []) }, fromIndex] : [fromIndex];
}

/**
 * @param {Source} source
 * @param {string} staging
 * @param {string} variant
 * @param {NodeJS.ProcessEnv} env
 */
async function fill(source, staging, variant, env) {
  await source.get(staging, env);
  const found = inspectLibTorch(path.join(staging, "torch"));
  if (variant === "cpu" && found.variant !== "cpu") throw new Error(`expected a CPU build, got ${found.variant}`);
  writeRecord(staging, { libtorch: "torch", version: found.version, variant: found.variant, from: source.place });
}

/** @param {NodeJS.ProcessEnv} env */
async function pip(env) {
  const python = await findPip(env);
  if (python === null) throw new Error("no Python with pip in PATH");
  return python;
}

/**
 * @param {string} staging
 * @param {NodeJS.ProcessEnv} env
 * @param {string} requirement
 * @param {string[]} index
 */
async function pipWheel(staging, env, requirement, index) {
  const wheels = path.join(staging, "wheels");
  mkdirSync(wheels);
  const result = await run(await pip(env), ["-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "--dest", wheels, ...index, requirement], { env });
  if (!result.ok) throw failure(result);
  const [wheel] = readdirSync(wheels);
  if (wheel === undefined) throw new Error("pip downloaded nothing");
  await unpack(path.join(wheels, wheel), staging);
  rmSync(wheels, { recursive: true });
}

/**
 * @param {string} staging
 * @param {NodeJS.ProcessEnv} env
 * @param {string[]} index
 */
async function pipInstall(staging, env, index) {
  const result = await run(await pip(env), ["-m", "pip", "install", "--quiet", "--only-binary=:all:", "--target", staging, ...index, `torch==${PINNED_LIBTORCH}`], { env });
  if (!result.ok) throw failure(result);
}

/**
 * Without Python: PyTorch's own CPU archive for Python is a zip file that holds LibTorch, and the index publishes its
 * SHA-256 (it publishes none for the archives without Python).
 * @param {string} staging
 * @param {string} index
 */
async function downloadWheel(staging, index) {
  const page = await get(`${index}/torch/`);
  const links = [...(await page.text()).matchAll(/href="([^"#]*torch-[^"#]*\.whl)#sha256=([0-9a-f]{64})"/g)];
  const platform = process.arch === "arm64" ? "aarch64" : "x86_64";
  const link = links.find(([, href]) => decodeURIComponent(/** @type {string} */ (href)).includes(`torch-${PINNED_LIBTORCH}+cpu-`) && /** @type {string} */ (href).includes(`linux_`) && /** @type {string} */ (href).includes(platform));
  if (link === undefined) throw new Error(`${index} has no CPU build of ${PINNED_LIBTORCH} for this platform`);
  const [, href, expected] = link;
  const wheel = path.join(staging, "torch.whl");
  const response = await get(new URL(/** @type {string} */ (href), `${index}/torch/`).href);
  const hash = createHash("sha256");
  const body = Readable.fromWeb(/** @type {any} */ (response.body));
  body.on("data", (chunk) => hash.update(chunk));
  await pipeline(body, createWriteStream(wheel));
  const actual = hash.digest("hex");
  if (actual !== expected) throw new Error(`the download is damaged: expected SHA-256 ${expected}, got ${actual}`);
  await unpack(wheel, staging);
  rmSync(wheel);
}

/** @param {string} url */
async function get(url) {
  const response = await fetch(url).catch((error) => {
    throw new Error(`${url}: ${error.cause?.message ?? error.message}`);
  });
  if (!response.ok) throw new Error(`${url}: HTTP status ${response.status}`);
  return response;
}

/**
 * @param {string} archive
 * @param {string} folder
 */
async function unpack(archive, folder) {
  const result = await run("cmake", ["-E", "tar", "xf", archive], { cwd: folder });
  if (!result.ok) throw failure(result);
}

/** @param {import("./run.mjs").CommandResult} result */
function failure({ stderr, reason }) {
  // A full disk matters more than pip's last words.
  if (isDiskFull(stderr)) return new InstallError("ERR_LIBTORCH", "No space left on device while fetching LibTorch.", { remedies: ["Make room, or: export XDG_CACHE_HOME=/path/to/folder"] });
  const lines = stderr.trim().split("\n").filter((line) => /error/i.test(line));
  return new Error(lines.at(-1)?.trim() ?? (lastLine(stderr) || reason));
}
