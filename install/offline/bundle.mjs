/**
 * `npm run bundle:offline [-- FOLDER]`: packs what a GPU host without network needs into one archive, and puts the script that
 * builds and tries it there (run.sh) beside it. By default into build/offline.
 *
 * The bundle brings CMake and Ninja, out of their wheels, which run on any Linux with glibc: so the host builds by the same
 * CMakeLists.txt as everybody, and there is no second list of flags to keep. A compiler and a Python with torch are the host's.
 */

import { chmodSync, copyFileSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { InstallError } from "../errors.mjs";
import { findPip } from "../python.mjs";
import { ROOT } from "../record.mjs";
import { run, which } from "../run.mjs";
import { isRead, neededModules, SOURCES } from "./contents.mjs";

const NAME = "dgsam-offline-linux-x64";
/** What a bundle may have, in bytes. */
const LIMIT = 60e6;
const HERE = fileURLToPath(new URL(".", import.meta.url));

try {
  await bundle(path.resolve(process.argv[2] ?? path.join(ROOT, "build", "offline")));
} catch (error) {
  if (!(error instanceof InstallError)) throw error;
  console.error(`dgsam: ${error.message}`);
  process.exitCode = 1;
}

/** @param {string} target */
async function bundle(target) {
  if (process.platform !== "linux" || process.arch !== "x64") throw failure(`A bundle holds this machine's Node and modules: expected linux x64, this is ${process.platform} ${process.arch}`);
  const staging = mkdtempSync(path.join(os.tmpdir(), "dgsam-offline-"));
  try {
    const folder = path.join(staging, NAME);
    await copySources(folder);
    copyModules(folder);
    await copyNode(folder);
    await copyTools(folder, staging);
    const script = path.join(HERE, "run.sh");
    copyFileSync(script, path.join(folder, "run.sh"));
    const file = await archive(staging);
    const { size } = statSync(file);
    if (size > LIMIT) throw failure(`The bundle has ${size} bytes, at most ${LIMIT} are allowed`);
    mkdirSync(target, { recursive: true });
    for (const old of readdirSync(target)) if (old.startsWith(NAME)) rmSync(path.join(target, old));
    const packed = path.join(target, path.basename(file));
    copyFileSync(file, packed);
    copyFileSync(script, path.join(target, "run.sh"));
    console.log(`${packed}: ${(size / 1e6).toFixed(1)} MB. On the host, with run.sh beside it: bash run.sh`);
  } finally {
    rmSync(staging, { recursive: true, force: true });
  }
}

/** What git knows of or would, so that nothing that stands around is packed, and what was compiled from it. @param {string} folder */
async function copySources(folder) {
  const listed = await must("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", ...SOURCES], { cwd: ROOT });
  for (const name of listed.split("\0").filter((each) => each !== "" && existsSync(path.join(ROOT, each)))) copy(path.join(ROOT, name), path.join(folder, name));
  const dist = path.join(ROOT, "dist");
  if (!existsSync(path.join(dist, "index.js"))) throw failure("lib/ is not compiled", ["npm run compile"]);
  cpSync(dist, path.join(folder, "dist"), { recursive: true, filter: (from) => !/\.d\.ts$|\.map$|\/\.compiled$/.test(from) });
}

/** @param {string} from @param {string} to */
function copy(from, to) {
  mkdirSync(path.dirname(to), { recursive: true });
  copyFileSync(from, to);
}

/** The modules of package-lock.json that are needed there, without what no program reads. @param {string} folder */
function copyModules(folder) {
  const { packages } = JSON.parse(readFileSync(path.join(ROOT, "package-lock.json"), "utf8"));
  for (const name of neededModules(packages)) {
    const from = path.join(ROOT, name);
    // Optional ones are another platform's.
    if (!existsSync(from) && packages[name].optional) continue;
    cpSync(from, path.join(folder, name), { recursive: true, dereference: true, filter: (file) => isRead(path.relative(from, file)) });
  }
}

/** @param {string} folder */
async function copyNode(folder) {
  const file = path.join(folder, "tools", "bin", "node");
  copy(process.execPath, file);
  chmodSync(file, 0o755);
  const libraries = await must("ldd", [file]);
  // A distribution's own may be a small program beside a library.
  if (/libnode|not found/.test(libraries)) throw failure("This Node needs libraries that a host may lack", ["Pack with a Node from https://nodejs.org"]);
  const natives = readdirSync(path.join(folder, "node_modules"), { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".node"));
  if (which("strip") === null) console.error("There is no strip: Node is packed with its symbols");
  else await must("strip", [file, ...natives.map((name) => path.join(folder, "node_modules", name))]);
}

/**
 * CMake and Ninja, as pip's own hash check lets them through.
 * @param {string} folder @param {string} staging
 */
async function copyTools(folder, staging) {
  const python = await findPip(process.env);
  if (python === null) throw failure("No python3 with pip in PATH, by which CMake and Ninja are fetched");
  const wheels = path.join(staging, "wheels");
  const platform = ["manylinux_2_17_x86_64", "manylinux2014_x86_64"].flatMap((each) => ["--platform", each]);
  await must(python, ["-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary=:all:", "--require-hashes", ...platform, "--dest", wheels, "-r", path.join(HERE, "tools.txt")]);
  const unpacked = path.join(staging, "tools");
  for (const wheel of readdirSync(wheels)) await must(python, ["-m", "zipfile", "-e", path.join(wheels, wheel), unpacked]);
  const tools = path.join(folder, "tools");
  copy(path.join(unpacked, "cmake/data/bin/cmake"), path.join(tools, "bin/cmake"));
  copy(path.join(unpacked, only(unpacked, /^ninja-.*\.data$/), "scripts/ninja"), path.join(tools, "bin/ninja"));
  for (const name of ["cmake", "ninja"]) {
    chmodSync(path.join(tools, "bin", name), 0o755);
    cpSync(path.join(unpacked, only(unpacked, new RegExp(`^${name}-.*\\.dist-info$`)), "licenses"), path.join(tools, "licenses", name), { recursive: true });
  }
  const share = only(path.join(unpacked, "cmake/data/share"), /^cmake-/);
  // The manual is most of it.
  cpSync(path.join(unpacked, "cmake/data/share", share), path.join(tools, "share", share), { recursive: true, filter: (file) => !/\/Help(\/|$)/.test(file) });
}

/** The one name in a folder that matches. @param {string} folder @param {RegExp} pattern */
function only(folder, pattern) {
  const found = readdirSync(folder).filter((name) => pattern.test(name));
  if (found.length !== 1) throw failure(`Expected one ${pattern} in a wheel, found ${found.length}`);
  return /** @type {string} */ (found[0]);
}

/** @param {string} staging */
async function archive(staging) {
  const xz = which("xz") !== null;
  if (!xz) console.error("There is no xz: packing with gzip, which gives a larger bundle");
  const file = path.join(staging, `${NAME}.tar.${xz ? "xz" : "gz"}`);
  const env = { ...process.env, XZ_OPT: "-T0" };
  await must("tar", ["--create", xz ? "--xz" : "--gzip", "--file", file, "--owner=0", "--group=0", "--numeric-owner", "--sort=name", "-C", staging, NAME], { env });
  return file;
}

/**
 * What a command prints; an error when it fails.
 * @param {string} command @param {string[]} args @param {{ cwd?: string, env?: NodeJS.ProcessEnv }} [options]
 */
async function must(command, args, options) {
  const { ok, stdout, stderr, reason } = await run(command, args, options);
  if (!ok) throw failure(`${reason}\n${stderr.trim()}`);
  return stdout;
}

/** @param {string} message @param {string[]} [remedies] */
function failure(message, remedies = []) {
  return new InstallError("ERR_ADDON", message, { remedies });
}
