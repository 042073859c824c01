import { describe, expect, it } from "vitest";
import type { DoctorReport } from "../../lib/report/diagnosis.js";
import { doctorText } from "../../lib/report/doctor-text.js";

describe("doctorText", () => {
  const report: DoctorReport = {
    ok: false,
    dgsam: "0.1.0",
    node: { version: "20.19.0", required: ">=20.19.0" },
    platform: "linux-x64-glibc",
    addon: { folder: "/package/build/Release", loads: false, built: { compiler: "GNU 12.2.0", node: "v20.19.0" } },
    libtorch: { root: "/cache/torch", lib: "/cache/torch/lib", version: "2.13.0+cu130", variant: "cu130", abi: "cxx11", source: "cache" },
    cuda: {
      driver: "580.65.06",
      devices: [{ name: "NVIDIA H200", capability: "9.0" }],
      usable: 1,
      kernels: { nvcc: "/usr/local/cuda/bin/nvcc", version: "13.0.88", archs: ["80", "90", "120+PTX"], host: "/usr/bin/c++", include: "" },
    },
    runtime: null,
    tried: [{ place: "python3", outcome: "has no torch", detail: "/usr/bin/python3" }, { place: "cache", outcome: "used", detail: "" }],
    findings: [{ kind: "error", text: "It does not load." }, { kind: "note", text: "By the way." }],
  };
  it("is the facts, the search, the findings, the verdict", () => {
    expect(doctorText(report)).toMatchInlineSnapshot(`
      "dgsam         0.1.0
      Node          20.19.0 (needs >=20.19.0)
      platform      linux-x64-glibc
      addon         does not load, built by GNU 12.2.0, /package/build/Release
      LibTorch      2.13.0+cu130, /cache/torch (from cache)
      build         cu130, C++ ABI cxx11
      CUDA          driver 580.65.06, 1 usable device: NVIDIA H200 (9.0)
      CUDA kernels  sm_80, sm_90, sm_120, PTX of 120 for newer GPUs (nvcc 13.0.88, /usr/local/cuda/bin/nvcc)

      LibTorch was looked for in this order:
        python3: has no torch, /usr/bin/python3
        cache: used

      Problem: It does not load.

      Note: By the way.

      Something does not work; see above.
      "
    `);
  });
  it("tells why there are no CUDA kernels of our own, and what serves instead where LibTorch has CUDA", () => {
    const without = (variant: string, reason: string) =>
      /^CUDA kernels +(.*)$/m.exec(doctorText({ ...report, libtorch: { ...report.libtorch!, variant }, cuda: { ...report.cuda, kernels: { reason } } }))?.[1];
    expect(without("cu130", "no nvcc")).toBe("none of our own (no nvcc): CUDA tensors go through LibTorch's foreach kernels");
    expect(without("cpu", "no CUDA")).toBe("none of our own (no CUDA)");
  });
  it("shows threads and BLAS where the addon loads", () => {
    const runtime = { version: "2.13.0", threads: 4, interopThreads: 2, cpuCapability: "AVX2", blas: "mkl", lapack: "mkl", openmp: true };
    const text = doctorText({ ...report, ok: true, findings: [], runtime });
    expect(text).toMatch(/^threads +4, between operators 2$/m);
    expect(text).toMatch(/^BLAS +mkl, LAPACK mkl$/m);
    expect(text).toMatch(/^CPU kernels +AVX2\n/m);
    expect(text).toMatch(/\nEverything works\.\n$/);
  });
});
