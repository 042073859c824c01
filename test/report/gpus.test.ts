import { describe, expect, it } from "vitest";
import type { Gpu } from "../../install/gpus.mjs";
import { cudaFindings } from "../../lib/report/gpus.js";
import type { RuntimeInfo } from "../../lib/native.js";

describe("findings", () => {
  const libtorch = { root: "/torch", lib: "/torch/lib", version: "2.13.0+cu130", variant: "cu130", abi: "cxx11", source: "cache" } as const;
  const h200: Gpu = { name: "NVIDIA H200", capability: "9.0" };
  const kernels = (...archs: string[]) => ({ nvcc: "/nvcc", version: "13.0.88", archs, host: "/c++", include: "" });
  const texts = (gpus: Gpu[], build: Parameters<typeof cudaFindings>[3], { driver = "580.65.06" as string | null, usable = 1, variant = "cu130", config = "" } = {}) =>
    cudaFindings(driver === null ? null : { version: driver }, gpus, { ...libtorch, variant }, build, { cudaDevices: usable, config } as RuntimeInfo).map(({ kind, text }) => `${kind}: ${text}`);

  it("none where a binary serves every GPU", () => expect(texts([h200, { name: "RTX", capability: "8.9" }], kernels("80", "90"))).toEqual([]));
  it("where only PTX serves one, and where nothing does, once for each kind: what happens and what helps", () => {
    const next = { name: "Next", capability: "13.0" };
    expect(texts([h200, next, next, { name: "Old", capability: "7.5" }], kernels("90", "120+PTX"))).toEqual([
      expect.stringMatching(/^note: Our CUDA kernels \(90, 120\+PTX\) have no binary for Next, compute capability 13\.0: the driver compiles them from PTX when they first run\. With an nvcc that knows it: DGSAM_CUDA_ARCHS=130 \S/),
      expect.stringMatching(/^note: Our CUDA kernels .* have no binary for Old, compute capability 7\.5: LibTorch's kernels serve it instead\. .*DGSAM_CUDA_ARCHS=75 /),
    ]);
  });
  describe("a GPU that LibTorch itself has no kernels for", () => {
    const config = "- NVCC architecture flags: -gencode;arch=compute_75,code=sm_75;-gencode;arch=compute_90,code=sm_90;-gencode;arch=compute_90,code=compute_90\n";
    const volta = { name: "V100", capability: "7.0" };
    const none = { reason: "no usable nvcc" };
    it("is an error, with the build that has some; of our kernels nothing is said", () => {
      const error = /^error: LibTorch's CUDA kernels \(75, 90, 90\+PTX\) have none for V100, compute capability 7\.0: operators fail there\. For a CUDA build: DGSAM_LIBTORCH_VARIANT=cu126 \S.* \(without this torch in PATH\)$/;
      expect(texts([volta], kernels("80"), { config })).toEqual([expect.stringMatching(error)]);
      expect(texts([volta], none, { config })).toEqual([expect.stringMatching(error)]);
      // Which of them is used is the program's to say.
      expect(texts([volta, h200], kernels("90"), { config })).toEqual([expect.stringMatching(new RegExp(error.source.replace("error", "note")))]);
    });
    it("is none where PTX serves it", () => expect(texts([{ name: "B200", capability: "10.0" }], kernels("100"), { config })).toEqual([]));
    it("and no build that is fetched has any either: the driver, or a LibTorch of one's own", () =>
      expect(texts([{ name: "Kepler", capability: "3.5" }], none, { config, driver: "470.1" })).toEqual([
        expect.stringMatching(/^error: .*No CUDA build that dgsam fetches serves it with driver 470\.1; a newer driver may help, or a LibTorch of your own \(DGSAM_LIBTORCH\)$/),
      ]));
  });
  it("a CPU build beside a GPU: the build that driver and GPU want", () => {
    const cpu = { variant: "cpu" };
    expect(texts([h200], null, cpu)).toEqual([expect.stringMatching(/DGSAM_LIBTORCH_VARIANT=cu130 /)]);
    expect(texts([h200], null, { ...cpu, driver: "550.1" })).toEqual([expect.stringMatching(/DGSAM_LIBTORCH_VARIANT=cu126 /)]);
    expect(texts([{ name: "B200", capability: "10.0" }], null, { ...cpu, driver: "570.1" })).toEqual([expect.stringMatching(/^note: .*No CUDA build that dgsam fetches serves it with driver 570\.1/)]);
  });
  it("where the driver does not tell the capability, none", () => expect(texts([{ name: "GPU", capability: "[N/A]" }], kernels("90"))).toEqual([]));
  it("a build without kernels: why", () => {
    expect(texts([h200], { reason: "no usable nvcc" })).toEqual([expect.stringMatching(/^note: There are no CUDA kernels of our own in this build: no usable nvcc\. Everything works on the GPU, by LibTorch's kernels/)]);
    expect(texts([h200], null)).toEqual([]);
  });
  it("the kernels are no subject where LibTorch is a CPU build, has no driver, or sees no GPU", () => {
    const none = { reason: "no usable nvcc" };
    expect(texts([h200], none, { variant: "cpu" })).toEqual([expect.stringMatching(/^note: There is an NVIDIA GPU, but this LibTorch is a CPU build\./)]);
    expect(texts([], none, { driver: null })).toEqual([expect.stringMatching(/^note: This LibTorch is a CUDA build, but there is no NVIDIA driver/)]);
    expect(texts([h200], none, { usable: 0 })).toEqual([expect.stringMatching(/^error: LibTorch \(cu130\) sees no GPU\./)]);
  });
});
