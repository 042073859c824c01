import { describe, expect, it } from "vitest";
import { cudaFindings, findGpus, kernelsFor, type Gpu } from "../../lib/report/gpus.js";
import type { RuntimeInfo } from "../../lib/native.js";
import { makeCommands } from "../install/fakes.js";

describe("findGpus", () => {
  const ask = (script: string) => findGpus({ PATH: makeCommands({ "nvidia-smi": script }) });
  it("tells names and compute capabilities", async () => {
    expect(await ask(`[ "$*" = "--query-gpu=name,compute_cap --format=csv,noheader" ] && printf 'NVIDIA H200, 9.0\\nGPU, with a comma, 10.3\\n'`)).toEqual([
      { name: "NVIDIA H200", capability: "9.0" },
      { name: "GPU, with a comma", capability: "10.3" },
    ]);
  });
  it("is empty where nvidia-smi is missing or fails", async () => {
    expect(await findGpus({ PATH: "/nowhere" })).toEqual([]);
    expect(await ask("echo broken; exit 9")).toEqual([]);
  });

  it("does not wait for one that hangs, nor for what it leaves behind", async () => {
    const began = performance.now();
    const PATH = `${makeCommands({ "nvidia-smi": "sleep 20 & sleep 20" })}:${process.env["PATH"]}`;
    expect(await findGpus({ PATH }, 200)).toEqual([]);
    expect(performance.now() - began).toBeLessThan(10_000);
  });
});

describe("what of the kernels serves a GPU", () => {
  const usual = ["80", "90", "100", "120+PTX"];
  it.each([
    ["8.0", usual, "binary"],
    ["8.9", usual, "binary"],
    ["9.0", usual, "binary"],
    ["10.3", usual, "binary"],
    ["11.0", usual, null],
    ["12.1", usual, "binary"],
    ["13.0", usual, "ptx"],
    ["7.5", usual, null],
    ["8.0", ["86"], null],
    ["8.7", ["86"], "binary"],
    ["9.0", ["80"], null],
    ["9.0", ["80+PTX"], "ptx"],
    ["9.0", ["90a"], "binary"],
    ["9.1", ["90a"], null],
    ["10.0", ["90a+PTX"], null],
  ] as const)("%s of %o: %s", (capability, archs, expected) => expect(kernelsFor(capability, archs)).toBe(expected));
});

describe("findings", () => {
  const libtorch = { root: "/torch", lib: "/torch/lib", version: "2.13.0+cu130", variant: "cu130", abi: "cxx11", source: "cache" } as const;
  const h200: Gpu = { name: "NVIDIA H200", capability: "9.0" };
  const kernels = (...archs: string[]) => ({ nvcc: "/nvcc", version: "13.0.88", archs, host: "/c++", include: "" });
  const texts = (gpus: Gpu[], build: Parameters<typeof cudaFindings>[3], { driver = true, usable = 1, variant = "cu130" } = {}) =>
    cudaFindings(driver, gpus, { ...libtorch, variant }, build, { cudaDevices: usable } as RuntimeInfo).map(({ kind, text }) => `${kind}: ${text}`);

  it("none where a binary serves every GPU", () => expect(texts([h200, { name: "RTX", capability: "8.9" }], kernels("80", "90"))).toEqual([]));
  it("where only PTX serves one, and where nothing does, once for each kind: what happens and what helps", () => {
    const next = { name: "Next", capability: "13.0" };
    expect(texts([h200, next, next, { name: "Old", capability: "7.5" }], kernels("90", "120+PTX"))).toEqual([
      expect.stringMatching(/^note: Our CUDA kernels \(90, 120\+PTX\) have no binary for Next, compute capability 13\.0: the driver compiles them from PTX when they first run\. With an nvcc that knows it: DGSAM_CUDA_ARCHS=130 \S/),
      expect.stringMatching(/^note: Our CUDA kernels .* have no binary for Old, compute capability 7\.5: LibTorch's kernels serve it instead\. .*DGSAM_CUDA_ARCHS=75 /),
    ]);
  });
  it("where the driver does not tell the capability, none", () => expect(texts([{ name: "GPU", capability: "[N/A]" }], kernels("90"))).toEqual([]));
  it("a build without kernels: why", () => {
    expect(texts([h200], { reason: "no usable nvcc" })).toEqual([expect.stringMatching(/^note: There are no CUDA kernels of our own in this build: no usable nvcc\. Everything works on the GPU, by LibTorch's kernels/)]);
    expect(texts([h200], null)).toEqual([]);
  });
  it("the kernels are no subject where LibTorch is a CPU build, has no driver, or sees no GPU", () => {
    const none = { reason: "no usable nvcc" };
    expect(texts([h200], none, { variant: "cpu" })).toEqual([expect.stringMatching(/^note: There is an NVIDIA GPU, but this LibTorch is a CPU build\./)]);
    expect(texts([], none, { driver: false })).toEqual([expect.stringMatching(/^note: This LibTorch is a CUDA build, but there is no NVIDIA driver/)]);
    expect(texts([h200], none, { usable: 0 })).toEqual([expect.stringMatching(/^error: LibTorch \(cu130\) sees no GPU\./)]);
  });
});
