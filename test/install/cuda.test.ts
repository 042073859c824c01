/** Whether CUDA kernels are compiled, by which nvcc and for which GPUs, with stand-ins for LibTorch and the toolkit. */
import { existsSync, mkdirSync, readFileSync, renameSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { cudaMajor, decideCuda, describeCuda } from "../../install/cuda.mjs";
import { makeBuildablePackage, makeLibTorch, makeToolkit, temporaryFolder } from "./fakes.js";

const libraries = (cudart?: string) => {
  const root = makeLibTorch(temporaryFolder(), cudart === undefined ? {} : { cudart });
  return { root, lib: path.join(root, "lib"), variant: cudart === undefined ? "cpu" : "cu130" };
};
const cuda13 = () => libraries("libcudart.so.13");
/** What the deciding finds where only `env` leads to an nvcc. */
const decide = (libtorch: ReturnType<typeof libraries>, env: NodeJS.ProcessEnv, options: Parameters<typeof decideCuda>[1] = {}) =>
  decideCuda(libtorch, { env: { CXX: "/usr/bin/some-c++", PATH: "", ...env }, systemFolder: "/nowhere", ...options });
const nvcc = (toolkit: string) => path.join(toolkit, "bin/nvcc");
const compilations = (toolkit: string) => readFileSync(path.join(toolkit, "calls.log"), "utf8").split("\n").filter((line) => / -c /.test(line));

it.each([
  ["libcudart.so.13", 13],
  ["libcudart.so.12", 12],
  ["libcudart-d0da41ae.so.11.0", 11],
  ["libsomething.so.13", null],
])("LibTorch's CUDA version is told by the run-time library that it loads: %s", (cudart, major) => expect(cudaMajor(libraries(cudart).lib)).toBe(major));

it("a CPU build of LibTorch needs no nvcc, and none is started", async () => {
  const toolkit = makeToolkit();
  expect(await decide(libraries(), { CUDA_HOME: toolkit })).toEqual({ reason: "this LibTorch (cpu) is without CUDA" });
  expect(existsSync(path.join(toolkit, "calls.log"))).toBe(false);
});

describe("nvcc", () => {
  it("is described with its headers and what compiles for the CPU; it was tried", async () => {
    const toolkit = makeToolkit();
    const cuda = await decide(cuda13(), { CUDA_HOME: toolkit });
    expect(cuda).toEqual({ nvcc: nvcc(toolkit), version: "13.0.88", archs: ["80", "90", "100", "120+PTX"], host: "/usr/bin/some-c++", include: path.join(toolkit, "include") });
    expect(describeCuda(cuda)).toBe(`sm_80, sm_90, sm_100, sm_120, PTX of 120 for newer GPUs (nvcc 13.0.88, ${nvcc(toolkit)})`);
    const target = (arch: number) => `-gencode=arch=compute_${arch},code=sm_${arch}`;
    expect(compilations(toolkit)).toEqual([expect.stringContaining(`-ccbin /usr/bin/some-c++ -std=c++20 ${[80, 90, 100, 120].map(target).join(" ")} -c `)]);
    expect(readFileSync(path.join(toolkit, "calls.log"), "utf8")).toMatch(/^-ccbin \/usr\/bin\/some-c\+\+ -std=c\+\+20 -I\S+\/include -I\S+ -E \S+\/libtorch\.cu -o /m);
  });
  it("is taken from CUDACXX, CUDA_HOME, CUDA_PATH, the system's folder, beside LibTorch, PATH, in this order", async () => {
    const libtorch = cuda13();
    const toolkits = Array.from({ length: 6 }, () => makeToolkit());
    const [cudacxx, home, cudaPath, system, beside, inPath] = toolkits as [string, string, string, string, string, string];
    // Where pip puts NVIDIA's packages.
    const packages = path.join(libtorch.lib, "../../nvidia");
    mkdirSync(packages, { recursive: true });
    const env: NodeJS.ProcessEnv = { CUDACXX: nvcc(cudacxx), CUDA_HOME: home, CUDA_PATH: cudaPath, PATH: path.join(inPath, "bin") };
    renameSync(beside, path.join(packages, "cu13"));
    const found = async (systemFolder: string) => ((await decide(libtorch, env, { systemFolder })) as { nvcc: string }).nvcc;
    const order = [await found(system)];
    for (const name of ["CUDACXX", "CUDA_HOME", "CUDA_PATH"]) {
      delete env[name];
      order.push(await found(system));
    }
    order.push(await found("/nowhere"));
    renameSync(path.join(packages, "cu13"), beside);
    order.push(await found("/nowhere"));
    expect(order).toEqual([nvcc(cudacxx), nvcc(home), nvcc(cudaPath), nvcc(system), path.join(packages, "cu13/bin/nvcc"), nvcc(inPath)]);
  });
  it("CUDACXX may be a name in PATH, and CUDAHOSTCXX names another compiler for it", async () => {
    const toolkit = makeToolkit();
    expect(await decide(cuda13(), { CUDACXX: "nvcc", PATH: path.join(toolkit, "bin"), CUDAHOSTCXX: "older-c++" })).toMatchObject({ nvcc: nvcc(toolkit), host: "older-c++" });
  });
  it("of another version is passed over, and named where no other is found", async () => {
    const [old, fitting] = [makeToolkit({ version: "12.8.93" }), makeToolkit()];
    expect(await decide(cuda13(), { CUDA_HOME: old, CUDA_PATH: fitting })).toMatchObject({ nvcc: nvcc(fitting) });
    expect(await decide(cuda13(), { CUDA_HOME: old })).toEqual({
      reason: `no usable nvcc of CUDA 13, LibTorch's version, in CUDACXX, CUDA_HOME, CUDA_PATH, /nowhere or PATH; ${nvcc(old)} is of CUDA 12.8.93`,
    });
    expect(await decide(libraries("libcudart.so.12"), { CUDA_HOME: old })).toMatchObject({ version: "12.8.93" });
  });
  it("of CUDA 11 is not asked for: the kernels are C++20", async () => {
    const toolkit = makeToolkit({ version: "11.8.89" });
    expect(await decide(libraries("libcudart-d0da41ae.so.11.0"), { CUDA_HOME: toolkit })).toEqual({ reason: "this LibTorch (cu130) is of CUDA 11, and our kernels need CUDA 12 or newer" });
  });
  it("may stand beside the system's link, under its version: the newest of the right one is taken", async () => {
    const folder = temporaryFolder();
    for (const [name, version] of [["cuda", "13.0.88"], ["cuda-12.4", "12.4.131"], ["cuda-12.10", "12.10.1"], ["cuda-13.0", "13.0.88"]] as const) renameSync(makeToolkit({ version }), path.join(folder, name));
    const systemFolder = path.join(folder, "cuda");
    expect(await decide(libraries("libcudart.so.12"), {}, { systemFolder })).toMatchObject({ nvcc: path.join(folder, "cuda-12.10/bin/nvcc"), version: "12.10.1" });
    expect(await decide(cuda13(), {}, { systemFolder })).toMatchObject({ nvcc: path.join(folder, "cuda/bin/nvcc") });
  });
  it("that is nowhere is the reason", async () => {
    const none = await decide(cuda13(), {});
    expect(none).toEqual({ reason: "no usable nvcc of CUDA 13, LibTorch's version, in CUDACXX, CUDA_HOME, CUDA_PATH, /nowhere or PATH" });
    expect(describeCuda(none)).toMatch(/^none of our own \(no usable nvcc of CUDA 13/);
  });
  it("that does not compile is the reason, with its error", async () => {
    const toolkit = makeToolkit({ error: "host_config.h: fatal error: #error -- unsupported GNU version!" });
    expect(await decide(cuda13(), { CUDA_HOME: toolkit })).toEqual({
      reason: expect.stringMatching(/; \S+\/bin\/nvcc does not compile with \/usr\/bin\/some-c\+\+: host_config\.h: fatal error: #error -- unsupported GNU version!$/),
    });
  });
  it("that an earlier build used is not tried again, unless it is another one", async () => {
    const toolkit = makeToolkit();
    const first = await decide(cuda13(), { CUDA_HOME: toolkit });
    expect(await decide(cuda13(), { CUDA_HOME: toolkit }, { known: first })).toEqual(first);
    expect(compilations(toolkit)).toHaveLength(1);
    await decide(cuda13(), { CUDA_HOME: toolkit, CUDAHOSTCXX: "older-c++" }, { known: first });
    await decide(cuda13(), { CUDA_HOME: toolkit }, { known: { reason: "" } });
    await decide(cuda13(), { CUDA_HOME: toolkit, DGSAM_CUDA_ARCHS: "90" }, { known: first });
    expect(compilations(toolkit)).toHaveLength(4);
  });
});

describe("which GPUs", () => {
  const archs = async (wish: string, known?: string[]) =>
    ((await decide(cuda13(), { CUDA_HOME: makeToolkit(known === undefined ? {} : { archs: known }), DGSAM_CUDA_ARCHS: wish })) as { archs: string[] }).archs;
  it("those that nvcc knows, PTX of the newest", async () => {
    expect(await archs("", ["70", "80", "86", "89", "90"])).toEqual(["80", "90+PTX"]);
    expect(await archs("", ["80", "90", "100", "101", "120"])).toEqual(["80", "90", "100", "120+PTX"]);
  });
  it.each([["90", ["90"]], ["8.0;9.0+PTX", ["80", "90+PTX"]], ["80, 90A 121+ptx", ["80", "90a", "121+PTX"]], [" ", ["80", "90", "100", "120+PTX"]]])("DGSAM_CUDA_ARCHS=%o", async (wish, expected) =>
    expect(await archs(wish)).toEqual(expected));
  it.each(["sm_90", "native", "130", "8", "80a"])("DGSAM_CUDA_ARCHS=%s is refused", async (wish) => {
    await expect(archs(`80 ${wish}`)).rejects.toMatchObject({ code: "ERR_ADDON", message: expect.stringMatching(new RegExp(`^DGSAM_CUDA_ARCHS: expected a list such as "80,90,120\\+PTX" of what \\S+/bin/nvcc knows \\(75, 80, .*121\\), got "${wish}"\\.$`)) });
  });
});

it("DGSAM_CUDA_ARCHS without a word in it is refused", async () =>
  await expect(decide(cuda13(), { CUDA_HOME: makeToolkit(), DGSAM_CUDA_ARCHS: "," })).rejects.toMatchObject({ code: "ERR_ADDON", message: expect.stringMatching(/, got ","\.$/) }));

describe("DGSAM_CUDA", () => {
  it("0 switches them off, where they could be had", async () =>
    expect(await decide(cuda13(), { CUDA_HOME: makeToolkit(), DGSAM_CUDA: "0" })).toEqual({ reason: "switched off with DGSAM_CUDA=0" }));
  it("1 makes it an error where they cannot be had", async () => {
    expect(await decide(cuda13(), { CUDA_HOME: makeToolkit(), DGSAM_CUDA: "1" })).toHaveProperty("nvcc");
    await expect(decide(libraries(), { DGSAM_CUDA: "1" })).rejects.toMatchObject({ code: "ERR_ADDON", message: expect.stringMatching(/^DGSAM_CUDA=1 asks for CUDA kernels, which cannot be had: this LibTorch \(cpu\) is without CUDA\.\nWhat helps:\n/) });
    await expect(decide(cuda13(), { DGSAM_CUDA: "1" })).rejects.toMatchObject({ message: expect.stringContaining("no usable nvcc of CUDA 13") });
  });
  it("other values are refused", async () =>
    await expect(decide(cuda13(), { DGSAM_CUDA: "yes" })).rejects.toMatchObject({ code: "ERR_ADDON", message: 'DGSAM_CUDA: expected 0 (no CUDA kernels) or 1 (no build without them), got "yes".' }));
});

describe("a build", () => {
  const record = (at: ReturnType<typeof makeBuildablePackage>) => JSON.parse(readFileSync(path.join(at.release, "dgsam-build.json"), "utf8")) as { cuda: object };
  const told = (at: ReturnType<typeof makeBuildablePackage>) =>
    (JSON.parse(readFileSync(path.join(at.folder, "configured.json"), "utf8")) as string[]).filter((argument) => /NVCC|CUDA/.test(argument));
  it("against a CPU build says that there are no kernels, and tells CMake nothing", async () => {
    const at = makeBuildablePackage();
    expect((await at.start().ended).output).toMatch(/^CUDA kernels: none of our own \(this LibTorch \(cpu\) is without CUDA\)$/m);
    expect(record(at).cuda).toEqual({ reason: "this LibTorch (cpu) is without CUDA" });
    expect(told(at)).toEqual([]);
  });
  it("tells CMake, is recorded, and is done again when nvcc, GPUs or the wish change, and only then", async () => {
    const at = makeBuildablePackage({ clone: true });
    const toolkit = makeToolkit();
    const env = { DGSAM_LIBTORCH: makeLibTorch(temporaryFolder(), { cudart: "libcudart.so.13" }), CUDACXX: nvcc(toolkit), CUDAHOSTCXX: "/usr/bin/some-c++" };
    const build = async (more: NodeJS.ProcessEnv, builds: number) => {
      const { status, output } = await at.start({ ...env, ...more }).ended;
      expect([status, at.builds()], output).toEqual([0, builds]);
    };
    await build({}, 1);
    const cuda = { nvcc: nvcc(toolkit), version: "13.0.88", archs: ["80", "90", "100", "120+PTX"], host: "/usr/bin/some-c++", include: path.join(toolkit, "include") };
    expect(record(at).cuda).toEqual(cuda);
    expect(told(at)).toEqual([
      `--CDDGSAM_NVCC=${cuda.nvcc}`, "--CDDGSAM_CUDA_ARCHS=80,90,100,120+PTX", "--CDDGSAM_CUDA_HOST=/usr/bin/some-c++", `--CDDGSAM_CUDA_INCLUDE=${cuda.include}`,
    ]);
    await build({}, 1);
    await build({ DGSAM_CUDA_ARCHS: "90" }, 2);
    expect(record(at).cuda).toEqual({ ...cuda, archs: ["90"] });
    await build({ CUDACXX: nvcc(makeToolkit()), DGSAM_CUDA_ARCHS: "90" }, 3);
    await build({ DGSAM_CUDA: "0" }, 4);
    expect(record(at).cuda).toEqual({ reason: "switched off with DGSAM_CUDA=0" });
    expect(told(at)).toEqual([]);
    await build({ DGSAM_CUDA: "0" }, 4);
  });
});
