/**
 * The CUDA sources are compiled wherever there is an nvcc, so that they cannot rot on machines without a GPU: against the
 * headers of any LibTorch, and linked where one with CUDA is at hand (DGSAM_CUDA_LIBTORCH, the addon's own, or the cache).
 */
import { existsSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { describe, expect, it, type TestContext } from "vitest";
import { definitions } from "../../install/build.mjs";
import { cachedLibTorch } from "../../install/cache.mjs";
import { cudaMajor, findNvcc, type CudaBuild } from "../../install/cuda.mjs";
import { inspectLibTorch, type LibTorch } from "../../install/inspect.mjs";
import { readRecord, ROOT } from "../../install/record.mjs";
import { run } from "../../install/run.mjs";
import { temporaryFolder } from "./fakes.js";

/** The CUDA of the build that is fetched for current drivers. */
const MAJOR = 13;
const MINUTES = 60_000;

function libtorchWithCuda(): LibTorch | null {
  const named = process.env["DGSAM_CUDA_LIBTORCH"] ?? "";
  if (named !== "") return inspectLibTorch(named);
  const folders = [readRecord()?.libtorch.root, cachedLibTorch(process.env, "cu130").libtorch, cachedLibTorch(process.env, "cu126").libtorch];
  const folder = folders.find((each) => each !== undefined && each !== null && cudaMajor(path.join(each, "lib")) !== null);
  return folder === undefined || folder === null ? null : inspectLibTorch(folder);
}

/** Compiles for one GPU generation alone: what is wrong in a source is wrong for each of them. */
async function nvccFor(libtorch: LibTorch, skip: TestContext["skip"]): Promise<CudaBuild> {
  const cuda = await findNvcc(cudaMajor(libtorch.lib) ?? MAJOR, { env: { ...process.env, DGSAM_CUDA_ARCHS: "90" }, root: libtorch.root, lib: libtorch.lib });
  if (!("reason" in cuda)) return cuda;
  // One that is there and fitting must do.
  expect(cuda.reason).not.toContain("does not compile");
  return skip(cuda.reason);
}

/** Builds targets in a folder of their own, and never where the addon is. */
async function build(targets: string[], libtorch: LibTorch, cuda: CudaBuild) {
  const cmakeJs = createRequire(import.meta.url).resolve("cmake-js/bin/cmake-js");
  const work = temporaryFolder();
  let output = "";
  for (const [step, ...args] of [["configure", ...definitions(libtorch, cuda), `--CDDGSAM_OUTPUT=${work}/release`], ...targets.map((target) => ["build", "--target", target])]) {
    const result = await run(process.execPath, [cmakeJs, step!, ...args, "--out", work, "--log-level", "warn"], { cwd: ROOT });
    output += `${result.stdout}\n${result.stderr}`;
    expect(result.ok, output).toBe(true);
  }
  return { work, output };
}

/** Symbols of a library or an object, without their versions: those that it defines, or those that others must define for it. */
async function symbols(file: string, which: "--defined-only" | "--undefined-only"): Promise<string[]> {
  const { ok, stdout, reason } = await run("nm", [...(file.endsWith(".so") ? ["-D"] : []), which, "--format=just-symbols", file]);
  expect(ok, reason).toBe(true);
  return stdout.split("\n").map((line) => line.split("@")[0]!.trim()).filter((name) => name !== "");
}

const sources = (folder: string, ending: string) => (existsSync(path.join(ROOT, folder)) ? readdirSync(path.join(ROOT, folder)).filter((name) => name.endsWith(ending)) : []);

describe("the CUDA sources", () => {
  it("compile without a warning, also against a LibTorch that has no CUDA libraries", async ({ skip }) => {
    const { libtorch } = readRecord()!;
    const { work, output } = await build(["dgsam_cuda_objects"], libtorch, await nvccFor(libtorch, skip));
    expect(sources("native/ops/cuda", ".cu")).toContain("build_info.cu");
    expect(readdirSync(path.join(work, "kernels")).sort()).toEqual(sources("native/ops/cuda", ".cu").map((name) => `${name}.o`).sort());
    expect(output.split("\n").filter((line) => /native\/.*\bwarning\b/.test(line))).toEqual([]);
  }, 10 * MINUTES);

  it("link into the operators' library and fit into the addon, and need nothing but what LibTorch and its CUDA run-time library have", async ({ skip }) => {
    const libtorch = libtorchWithCuda() ?? skip("no LibTorch with CUDA is at hand: DGSAM_CUDA_LIBTORCH may name one");
    const cuda = await nvccFor(libtorch, skip);
    const { work } = await build(["dgsam_ops", "dgsam_cuda_host"], libtorch, cuda);
    // Of the addon those objects alone that need CUDA: to compile and link all of it takes minutes more.
    const objects = path.join(work, "CMakeFiles/dgsam_cuda_host.dir/native/cuda");
    const addon = readdirSync(objects).filter((name) => name.endsWith(".o"));
    expect(addon.sort()).toEqual(sources("native/cuda", ".cc").map((name) => `${name}.o`).sort());
    const files = [path.join(work, "release/libdgsam_ops.so"), ...addon.map((name) => path.join(objects, name))];
    // What has our own name in its own is the addon's matter.
    const needed = (await Promise.all(files.map((file) => symbols(file, "--undefined-only")))).flat().filter((name) => /^_*cu[A-Zd]|^_Z.*(3c10|2at|5torch)/.test(name) && !/5dgsam/.test(name));
    const defined = new Set((await Promise.all(["c10", "c10_cuda", "torch_cpu", "torch_cuda"].map((name) => symbols(path.join(libtorch.lib, `lib${name}.so`), "--defined-only")))).flat());
    const missing = needed.filter((name) => !defined.has(name));
    expect(needed).toContain("_ZN3c104cuda12device_countEv");
    expect(needed).toContain("_ZN2at4cuda9CUDAGraph6replayEv");
    // The run-time library's own are all that remains.
    expect(missing).toContain("cudaFuncGetAttributes");
    expect(missing.filter((name) => !/^(__)?cuda/.test(name))).toEqual([]);
  }, 10 * MINUTES);
});
