import { spawnSync } from "node:child_process";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { writeFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { collectDoctorReport, currentSurroundings, type DoctorReport, type Surroundings } from "../../lib/cli/diagnosis.js";
import { formatDoctorReport } from "../../lib/cli/doctor.js";
import { getNumThreads, runtimeInfo } from "dgsam";
import { copyPackage, onPlatform, temporaryFolder } from "../install/fakes.js";

const collect = (changes: Partial<Surroundings> = {}) => collectDoctorReport({ ...currentSurroundings(), driver: null, ...changes });

/** A module in the place of the one that loads the addon. */
function moduleOf(code: string): URL {
  const file = path.join(temporaryFolder(), "native.mjs");
  writeFileSync(file, code);
  return pathToFileURL(file);
}

/** One whose addon loads and says this of LibTorch. */
const loading = (info: object) =>
  moduleOf(`export const native = { runtimeInfo: () => (${JSON.stringify({ version: "2.13.0", config: "", threads: 2, interopThreads: 1, cpuCapability: "AVX2", hasOpenmp: true, cudaDevices: 0, ...info })}) };`);

describe("on this machine", () => {
  it("everything works, and the facts are those of the running addon", async () => {
    const report = await collect();
    const { version, cpuCapability } = runtimeInfo();
    expect(report).toMatchObject({
      ok: true,
      node: { version: process.versions.node, required: ">=20.19.0" },
      platform: "linux-x64-glibc",
      addon: { loads: true, built: { compiler: expect.stringMatching(/^(GNU|Clang) \d/) } },
      libtorch: { version: expect.stringContaining(version), abi: "cxx11" },
      runtime: { version, cpuCapability, threads: getNumThreads(), openmp: true },
    });
    expect(report.runtime!.blas).toMatch(/^\w+$/);
    expect(report.findings.filter(({ kind }) => kind === "error")).toEqual([]);
    expect(report.tried.at(-1)).toMatchObject({ outcome: "used" });
  });
});

describe("problems", () => {
  const errors = async (changes: Partial<Surroundings>) => {
    const report = await collect(changes);
    expect(report.ok).toBe(false);
    return report.findings.filter(({ kind }) => kind === "error").map(({ text }) => text);
  };
  it("an old Node", async () => expect(await errors({ nodeVersion: "18.0.0" })).toEqual([expect.stringMatching(/^dgsam needs Node 20\.19\.0 or newer; this is Node 18\.0\.0\./)]));
  it("an unsupported platform", async () => expect(await errors({ host: { platform: "linux", arch: "x64", libc: "musl" } })).toEqual([expect.stringMatching(/this is linux-x64-musl\./)]));
  it("an addon that throws: its message, without the stack", async () => {
    const nativeModule = moduleOf(`throw Object.assign(new Error("the native addon has not been built; run: npm run setup"), { code: "ERR_ADDON" });`);
    expect(await errors({ nativeModule })).toEqual(["the native addon has not been built; run: npm run setup"]);
  });
  it("an addon that ends its process: the signal", async () => {
    expect(await errors({ nativeModule: moduleOf(`process.kill(process.pid, "SIGSEGV"); await new Promise(() => {});`) })).toEqual(["Loading the addon ended the process (SIGSEGV)."]);
  });
  it("a compiled module that is missing", async () => {
    expect(await errors({ nativeModule: pathToFileURL("/nowhere/native.js") })).toEqual([expect.stringMatching(/Cannot find module '\/nowhere\/native\.js'/)]);
  });
  it("a bad DGSAM_LIBTORCH, when the addon does not load and one is looked for", async () => {
    const env = { ...process.env, DGSAM_LIBTORCH: "/nowhere" };
    expect(await errors({ env, nativeModule: moduleOf("throw new Error('no addon')") })).toEqual(["no addon", expect.stringMatching(/^DGSAM_LIBTORCH names no usable LibTorch\./)]);
  });
});

describe("GPUs", () => {
  const driver = { version: "580.65.06" };
  it("a driver beside a CPU build is a note", async () => {
    const report = await collect({ driver, nativeModule: loading({}) });
    expect(report).toMatchObject({ ok: true, cuda: { driver: "580.65.06", usable: 0 } });
    expect(report.findings).toEqual([{ kind: "note", text: expect.stringMatching(/^There is an NVIDIA GPU, but this LibTorch is a CPU build\./) }]);
  });
  it("without a driver there is nothing to say of a CPU build", async () => expect((await collect({ nativeModule: loading({}) })).findings).toEqual([]));
});

describe("formatDoctorReport", () => {
  const report: DoctorReport = {
    ok: false,
    dgsam: "0.1.0",
    node: { version: "20.19.0", required: ">=20.19.0" },
    platform: "linux-x64-glibc",
    addon: { folder: "/package/build/Release", loads: false, built: { compiler: "GNU 12.2.0", node: "v20.19.0" } },
    libtorch: { root: "/cache/torch", lib: "/cache/torch/lib", version: "2.13.0+cu130", variant: "cu130", abi: "cxx11", source: "cache" },
    cuda: { driver: "580.65.06", devices: ["NVIDIA H200"], usable: 1 },
    runtime: null,
    tried: [{ place: "python3", outcome: "has no torch", detail: "/usr/bin/python3" }, { place: "cache", outcome: "used", detail: "" }],
    findings: [{ kind: "error", text: "It does not load." }, { kind: "note", text: "By the way." }],
  };
  it("is the facts, the search, the findings, the verdict", () => {
    expect(formatDoctorReport(report)).toMatchInlineSnapshot(`
      "dgsam     0.1.0
      Node      20.19.0 (needs >=20.19.0)
      platform  linux-x64-glibc
      addon     does not load, built by GNU 12.2.0, /package/build/Release
      LibTorch  2.13.0+cu130, /cache/torch (from cache)
      build     cu130, C++ ABI cxx11
      CUDA      driver 580.65.06, 1 usable device: NVIDIA H200

      LibTorch was looked for in this order:
        python3: has no torch, /usr/bin/python3
        cache: used

      Problem: It does not load.

      Note: By the way.

      Something does not work; see above.
      "
    `);
  });
  it("shows threads and BLAS where the addon loads", () => {
    const runtime = { version: "2.13.0", threads: 4, interopThreads: 2, cpuCapability: "AVX2", blas: "mkl", lapack: "mkl", openmp: true };
    const text = formatDoctorReport({ ...report, ok: true, findings: [], runtime });
    expect(text).toMatch(/^threads +4, between operators 2$/m);
    expect(text).toMatch(/^BLAS +mkl, LAPACK mkl$/m);
    expect(text).toMatch(/^CPU kernels +AVX2\n/m);
    expect(text).toMatch(/\nEverything works\.\n$/);
  });
});

describe("the command", () => {
  const doctor = (folder: string, args: string[], nodeOptions: string[] = []) =>
    spawnSync(process.execPath, [...nodeOptions, path.join(folder, "dist/cli/main.js"), "doctor", ...args], { encoding: "utf8" });

  it("works without an addon: exit status 1, and the report names the remedy", () => {
    const folder = copyPackage();
    const json = doctor(folder, ["--json"]);
    expect(json.status).toBe(1);
    expect(JSON.parse(json.stdout)).toMatchObject({ ok: false, addon: { loads: false, built: null }, runtime: null, findings: [{ kind: "error", text: expect.stringContaining("npm rebuild dgsam") }] });
    const text = doctor(folder, []);
    expect(text.status).toBe(1);
    expect(text.stdout).toMatch(/^addon +does not load, not built, [^]*^Problem: the native addon of dgsam has not been built; [^]*\nSomething does not work; see above\.\n$/m);
  });

  it("works on an unsupported platform", () => {
    const { status, stdout } = doctor(copyPackage(), [], onPlatform("win32"));
    expect(status).toBe(1);
    expect(stdout).toContain("Problem: dgsam runs on linux-x64-glibc; this is win32-x64.");
  });
});
