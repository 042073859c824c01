import path from "node:path";
import { pathToFileURL } from "node:url";
import { writeFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { collectDoctorReport, currentSurroundings, type Surroundings } from "../../lib/report/diagnosis.js";
import { getNumThreads, runtimeInfo } from "dgsam";
import { makeLibTorch, temporaryFolder } from "../install/fakes.js";

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
    const { kernels } = report.cuda;
    expect(runtimeInfo().cudaKernels).toBe("archs" in kernels! ? kernels.archs.join(",") : "");
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
  it("an addon that throws several lines: all of them, with the remedy at the end", async () => {
    const message = "the LibTorch is not usable: no headers\nWhat helps:\n  export A=b; run: npm run setup";
    expect(await errors({ nativeModule: moduleOf(`throw new Error(${JSON.stringify(message)});`) })).toEqual([message]);
  });
  it("a machine that is refused: once, although the addon says it too", async () => {
    const host = { platform: "linux", arch: "x64", libc: "musl" } as const;
    const [refusal] = await errors({ host, nativeModule: loading({}) });
    expect(await errors({ host, nativeModule: moduleOf(`throw new Error(${JSON.stringify(refusal)});`) })).toEqual([refusal]);
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

describe("a variable that names a LibTorch, beside a build that works", () => {
  const withVariable = (value: string) => collect({ env: { ...process.env, LIBTORCH: value }, nativeModule: loading({}) });
  it("is a problem when there is none: the next build would stop there", async () => {
    const report = await withVariable("/nowhere");
    expect(report).toMatchObject({ ok: false, addon: { loads: true }, findings: [{ kind: "error", text: expect.stringMatching(/^LIBTORCH names no usable LibTorch\. \/nowhere: no such folder/) }] });
    expect(report.libtorch).not.toBeNull();
  });
  it("is none when there is one", async () => expect((await withVariable(makeLibTorch(temporaryFolder()))).findings).toEqual([]));
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
