/** Says what a LibTorch folder holds without loading it: version, C++ ABI, CPU or CUDA build. */

import { existsSync, readFileSync, readdirSync } from "node:fs";
import path from "node:path";
import { cacheDamage } from "./cache.mjs";
import { InstallError } from "./errors.mjs";
import { OLDEST_LIBTORCH, compareVersions } from "./platform.mjs";

/** @typedef {import("./inspect.mjs").LibTorch} LibTorch */

const SUFFIX = process.platform === "darwin" ? ".dylib" : ".so";

/**
 * Describes the LibTorch in `root` (the folder that holds `include/` and `lib/`: an unpacked archive, a Python `torch`
 * package, or a prefix such as /usr). Throws when there is none or it is not usable.
 * @param {string} root
 * @returns {LibTorch}
 */
export function inspectLibTorch(root) {
  const headers = headerVersion(root);
  if (headers === null) throw unusable(root, "no LibTorch headers in include/torch");
  const lib = libraryFolder(root);
  if (lib === null) throw unusable(root, `headers of ${headers}, but no libtorch_cpu${SUFFIX} and libc10${SUFFIX} in lib`);
  const damage = cacheDamage(root);
  if (damage !== null) throw unusable(root, damage);
  const version = fullVersion(root) ?? headers;
  if (compareVersions(version, headers) !== 0)
    throw unusable(root, `the headers are of ${headers} but the libraries of ${version}`);
  if (compareVersions(version, OLDEST_LIBTORCH) < 0)
    throw unusable(root, `version ${version} is too old, ${OLDEST_LIBTORCH} or newer is supported`);
  if (compareVersions(version, "3.0.0") >= 0) throw unusable(root, `version ${version} is of an unknown major version`);
  const abi = libraryAbi(lib);
  if (abi === "pre-cxx11")
    throw unusable(root, `version ${version} was built with the old C++ ABI (_GLIBCXX_USE_CXX11_ABI=0)`);
  return { root, lib, version, variant: buildVariant(root, lib, version), abi };
}

/**
 * @param {string} root
 * @param {string} reason
 */
function unusable(root, reason) {
  return new InstallError("ERR_LIBTORCH", `${root}: ${reason}`);
}

/** @param {string} root */
function headerVersion(root) {
  // The first since 2.9, the second before.
  for (const file of ["headeronly/version.h", "csrc/api/include/torch/version.h"]) {
    const text = readIfExists(path.join(root, "include/torch", file));
    const numbers = ["MAJOR", "MINOR", "PATCH"].map((part) => new RegExp(`TORCH_VERSION_${part} (\\d+)`).exec(text ?? "")?.[1]);
    if (numbers.every((number) => number !== undefined)) return numbers.join(".");
  }
  return null;
}

/** @param {string} root */
function libraryFolder(root) {
  const lib = path.join(root, "lib");
  // Debian keeps libraries in a folder named after the processor, as in /usr/lib/x86_64-linux-gnu.
  const folders = [lib, path.join(root, "lib64"), ...foldersIn(lib).filter((name) => name.includes("-linux-")).map((name) => path.join(lib, name))];
  const complete = (/** @type {string} */ folder) =>
    ["torch", "torch_cpu", "c10"].every((name) => existsSync(path.join(folder, `lib${name}${SUFFIX}`)));
  return folders.find(complete) ?? null;
}

/** @param {string} folder */
function foldersIn(folder) {
  try {
    return readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  } catch {
    return [];
  }
}

/**
 * The version with its build suffix, as archives and Python packages note it.
 * @param {string} root
 */
function fullVersion(root) {
  const archive = readIfExists(path.join(root, "build-version"));
  if (archive !== null) return archive.trim();
  return /__version__ = '([^']+)'/.exec(readIfExists(path.join(root, "version.py")) ?? "")?.[1] ?? null;
}

/**
 * Which C++ ABI the libraries were compiled with, from the mangled name of a constructor that takes a std::string.
 * @param {string} lib
 */
function libraryAbi(lib) {
  if (process.platform === "darwin") return "libc++";
  const binary = readFileSync(path.join(lib, `libc10${SUFFIX}`));
  const constructor = "_ZN3c105ErrorC2ENS_14SourceLocationE";
  if (binary.includes(`${constructor}NSt7__cxx1112basic_string`)) return "cxx11";
  if (binary.includes(`${constructor}Ss`)) return "pre-cxx11";
  throw unusable(path.dirname(lib), `libc10${SUFFIX} is damaged or foreign: c10::Error is not in it`);
}

/**
 * "cpu", "cu130", "rocm6.4"; "cuda" where the CUDA version is not noted.
 * @param {string} root
 * @param {string} lib
 * @param {string} version
 */
function buildVariant(root, lib, version) {
  const suffix = version.split("+")[1];
  if (suffix !== undefined && /^(cpu|cu\d+|rocm)/.test(suffix)) return suffix;
  // Wheels on the Python package index have no suffix; version.py tells.
  const cuda = /^cuda\b.*= '([\d.]+)'/m.exec(readIfExists(path.join(root, "version.py")) ?? "")?.[1];
  if (cuda !== undefined) return `cu${cuda.replaceAll(".", "")}`;
  if (existsSync(path.join(lib, `libtorch_cuda${SUFFIX}`))) return "cuda";
  return existsSync(path.join(lib, `libtorch_hip${SUFFIX}`)) ? "rocm" : "cpu";
}

/** @param {string} file */
function readIfExists(file) {
  return existsSync(file) ? readFileSync(file, "utf8") : null;
}
