/**
 * Decides whether our own CUDA kernels are compiled, and for which GPUs. They need a LibTorch with CUDA and an nvcc of the
 * same major version: the kernels call the CUDA run-time library that this LibTorch brings. Without them everything works
 * as well, more slowly, by LibTorch's kernels.
 */

import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { isDeepStrictEqual } from "node:util";
import { InstallError } from "./errors.mjs";
import { run, which } from "./run.mjs";

/** @typedef {import("./cuda.mjs").CudaBuild} CudaBuild */
/** @typedef {import("./cuda.mjs").NoCuda} NoCuda */

/** A binary also serves newer GPUs of its generation (80: 8.6, 8.9), PTX of the newest those of generations to come. */
const GENERATIONS = ["80", "90", "100", "120"];
const SYSTEM_FOLDER = "/usr/local/cuda";
/** The kernels are C++20, which older compilers do not know. */
const OLDEST_CUDA = 12;

/**
 * @param {{ root: string, lib: string, variant: string }} libtorch
 * @param {{ env?: NodeJS.ProcessEnv, systemFolder?: string, known?: CudaBuild | NoCuda | null }} [options]
 * @returns {Promise<CudaBuild | NoCuda>}
 */
export async function decideCuda({ root, lib, variant }, { env = process.env, systemFolder, known } = {}) {
  const wish = env["DGSAM_CUDA"] ?? "";
  if (!["", "0", "1"].includes(wish))
    throw new InstallError("ERR_ADDON", `DGSAM_CUDA: expected 0 (no CUDA kernels) or 1 (no build without them), got "${wish}".`);
  if (wish === "0") return { reason: "switched off with DGSAM_CUDA=0" };
  const major = cudaMajor(lib);
  const decision = await decideBy(major, variant, { env, root, lib, systemFolder, known });
  if (wish === "1" && "reason" in decision)
    throw new InstallError("ERR_ADDON", `DGSAM_CUDA=1 asks for CUDA kernels, which cannot be had: ${decision.reason}.`, {
      remedies: ["Name an nvcc of LibTorch's CUDA version: export CUDACXX=/path/to/bin/nvcc", "or build without: unset DGSAM_CUDA"],
    });
  return decision;
}

/**
 * @param {number | null} major
 * @param {string} variant
 * @param {Parameters<typeof findNvcc>[1]} options
 * @returns {Promise<CudaBuild | NoCuda>}
 */
async function decideBy(major, variant, options) {
  if (major === null) return { reason: `this LibTorch (${variant}) is without CUDA` };
  if (major < OLDEST_CUDA) return { reason: `this LibTorch (${variant}) is of CUDA ${major}, and our kernels need CUDA ${OLDEST_CUDA} or newer` };
  return findNvcc(major, options);
}

/** @param {string} lib */
export function cudaMajor(lib) {
  const library = path.join(lib, "libc10_cuda.so");
  if (!existsSync(library) || !existsSync(path.join(lib, "libtorch_cuda.so"))) return null;
  // What it loads, in its archives under a name with a hash: the one place where every build tells its version.
  const version = /libcudart(?:-[0-9a-f]+)?\.so\.(\d+)/.exec(readFileSync(library, "latin1"))?.[1];
  return version === undefined ? null : Number(version);
}

/**
 * @param {number} major
 * @param {{ env: NodeJS.ProcessEnv, root: string, lib?: string, systemFolder?: string, known?: CudaBuild | NoCuda | null }} options
 * @returns {Promise<CudaBuild | NoCuda>}
 */
export async function findNvcc(major, { env, root, lib = "", systemFolder = SYSTEM_FOLDER, known = null }) {
  const refused = [];
  for (const nvcc of candidates(major, env, lib, systemFolder)) {
    const version = /\bV(\d+\.\d+\.\d+)/.exec((await run(nvcc, ["--version"], { env })).stdout)?.[1];
    if (version === undefined) refused.push(`${nvcc} does not tell its version`);
    else if (Number.parseInt(version, 10) !== major) refused.push(`${nvcc} is of CUDA ${version}`);
    else {
      const cuda = { nvcc, version, archs: await chooseArchs(nvcc, env), host: hostCompiler(env), include: await headerFolder(nvcc, env) };
      const failure = known !== null && isDeepStrictEqual(known, cuda) ? null : await tryToCompile(cuda, path.join(root, "include"), env);
      if (failure === null) return cuda;
      refused.push(`${nvcc} does not compile with ${cuda.host}: ${failure}`);
    }
  }
  return { reason: [`no usable nvcc of CUDA ${major}, LibTorch's version, in CUDACXX, CUDA_HOME, CUDA_PATH, ${systemFolder} or PATH`, ...refused].join("; ") };
}

/**
 * @param {number} major
 * @param {NodeJS.ProcessEnv} env
 * @param {string} lib
 * @param {string} systemFolder
 */
function candidates(major, env, lib, systemFolder) {
  const named = env["CUDACXX"] ?? "";
  const folders = [env["CUDA_HOME"], env["CUDA_PATH"], systemFolder, ...versioned(systemFolder, major), lib === "" ? "" : path.join(lib, `../../nvidia/cu${major}`)];
  const all = [
    named === "" || named.includes("/") ? named : which(named, env),
    ...folders.map((folder) => ((folder ?? "") === "" ? "" : path.join(/** @type {string} */ (folder), "bin/nvcc"))),
    which("nvcc", env),
  ];
  return new Set(all.filter((file) => file !== null).filter((file) => file !== "" && existsSync(file)));
}

/**
 * Beside a link to one toolkit stand others, under their versions; the newest first.
 * @param {string} systemFolder
 * @param {number} major
 */
function versioned(systemFolder, major) {
  const { dir, base } = path.parse(systemFolder);
  const names = existsSync(dir) ? readdirSync(dir).filter((name) => name === `${base}-${major}` || name.startsWith(`${base}-${major}.`)) : [];
  return names.sort((a, b) => b.localeCompare(a, "en", { numeric: true })).map((name) => path.join(dir, name));
}

/** nvcc does not take every C++ compiler; CUDAHOSTCXX, which CMake knows too, names another one for it. @param {NodeJS.ProcessEnv} env */
function hostCompiler(env) {
  const name = env["CUDAHOSTCXX"] || env["CXX"] || "c++";
  return name.includes("/") ? name : (which(name, env) ?? which("g++", env) ?? name);
}

/**
 * @param {string} nvcc
 * @param {NodeJS.ProcessEnv} env
 */
async function chooseArchs(nvcc, env) {
  const known = [...(await run(nvcc, ["--list-gpu-arch"], { env })).stdout.matchAll(/compute_(\d+)\b/g)].map((match) => String(match[1]));
  const wish = (env["DGSAM_CUDA_ARCHS"] ?? "").trim();
  if (wish === "") {
    const archs = GENERATIONS.filter((arch) => known.includes(arch));
    return archs.map((arch) => (arch === archs.at(-1) ? `${arch}+PTX` : arch));
  }
  /** @param {string} got */
  const refuse = (got) => new InstallError("ERR_ADDON", `DGSAM_CUDA_ARCHS: expected a list such as "80,90,120+PTX" of what ${nvcc} knows (${known.join(", ")}), got "${got}".`);
  const words = wish.toLowerCase().split(/[\s,;]+/).filter((word) => word !== "");
  if (words.length === 0) throw refuse(wish);
  return words.map((word) => {
    const [, generation, minor, suffix, ptx] = /^(\d{1,2})\.?(\d)(a?)(\+ptx)?$/.exec(word) ?? [];
    // GPUs have had features of their own alone since 9.0.
    if (generation === undefined || !known.includes(`${generation}${minor}`) || (suffix === "a" && Number(generation) < 9)) throw refuse(word);
    return `${generation}${minor}${suffix}${ptx === undefined ? "" : "+PTX"}`;
  });
}

/**
 * Where the toolkit's headers are, as nvcc itself knows it.
 * @param {string} nvcc
 * @param {NodeJS.ProcessEnv} env
 */
async function headerFolder(nvcc, env) {
  const { stderr } = await run(nvcc, ["--dryrun", "-x", "cu", "-E", os.devNull], { env });
  const folder = /^#\$ INCLUDES="-I([^"]+)"/m.exec(stderr)?.[1];
  return folder === undefined ? "" : path.resolve(folder);
}

/** As the kernels do: some of CUDA's headers, those of its C++ library, which LibTorch's own include, and the C++ library itself. */
const KERNEL = "#include <cuda_bf16.h>\n#include <cuda_fp16.h>\n#include <thrust/complex.h>\n#include <string>\n__global__ void empty() {}\n";
/** What of LibTorch's headers includes others of CUDA's. */
const LIBTORCH = "#include <ATen/cuda/CUDAGraph.h>\n#include <c10/cuda/CUDAGuard.h>\n";

/**
 * Why an nvcc that is there does not work (no headers, a C++ compiler that is too new for it); null when it does.
 * @param {CudaBuild} cuda
 * @param {string} include LibTorch's headers
 * @param {NodeJS.ProcessEnv} env
 */
async function tryToCompile({ nvcc, archs, host }, include, env) {
  const folder = mkdtempSync(path.join(os.tmpdir(), "dgsam-nvcc-"));
  const common = ["-ccbin", host, "-std=c++20"];
  // A CPU build of LibTorch has the headers but this one: see native/cuda.cmake.
  const missing = path.join(folder, "c10/cuda/impl");
  mkdirSync(missing, { recursive: true });
  writeFileSync(path.join(missing, "cuda_cmake_macros.h"), "#pragma once\n");
  const targets = archs.map((arch) => Number.parseInt(arch, 10) + (arch.includes("a") ? "a" : "")).map((arch) => `-gencode=arch=compute_${arch},code=sm_${arch}`);
  try {
    for (const [name, text, flags] of /** @type {const} */ ([["kernel.cu", KERNEL, [...targets, "-c"]], ["libtorch.cu", LIBTORCH, [`-I${include}`, `-I${folder}`, "-E"]]])) {
      const source = path.join(folder, name);
      writeFileSync(source, text);
      const { ok, stdout, stderr, reason } = await run(nvcc, [...common, ...flags, source, "-o", `${source}.out`], { env });
      if (!ok) return `${stderr}\n${stdout}`.split("\n").find((line) => /error|fatal/i.test(line))?.trim() ?? reason;
    }
    return null;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** @param {CudaBuild | NoCuda} cuda */
export function describeCuda(cuda) {
  if ("reason" in cuda) return `none of our own (${cuda.reason})`;
  const ptx = cuda.archs.filter((arch) => arch.endsWith("+PTX")).map((arch) => arch.replace("+PTX", ""));
  const binaries = cuda.archs.map((arch) => `sm_${arch.replace("+PTX", "")}`);
  return `${binaries.join(", ")}${ptx.length === 0 ? "" : `, PTX of ${ptx.join(", ")} for newer GPUs`} (nvcc ${cuda.version}, ${cuda.nvcc})`;
}
