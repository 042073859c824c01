/** What is to be said of the machine's GPUs beside LibTorch's build and our CUDA kernels. */

import type { CudaBuild, NoCuda } from "../../install/cuda.mjs";
import type { FoundLibTorch } from "../../install/find.mjs";
import { kernelsFor, tellsCapability, type Gpu } from "../../install/gpus.mjs";
import { wantedVariant } from "../../install/platform.mjs";
import { BUILD_COMMAND } from "../../install/record.mjs";
import type { RuntimeInfo } from "../native.js";
import type { Finding } from "./diagnosis.js";

type Driver = { version: string | null } | null;

/** `kernels` is null where there is no build. */
export function cudaFindings(driver: Driver, gpus: readonly Gpu[], libtorch: FoundLibTorch | null, kernels: CudaBuild | NoCuda | null, runtime: RuntimeInfo | null): Finding[] {
  if (libtorch === null) return [];
  const cudaBuild = libtorch.variant.startsWith("cu");
  if (driver !== null && !cudaBuild)
    return [{ kind: "note", text: `There is an NVIDIA GPU, but this LibTorch is a CPU build. ${fetchable(driver, gpus, "(without a CPU torch in PATH)")}` }];
  if (driver === null && cudaBuild) return [{ kind: "note", text: "This LibTorch is a CUDA build, but there is no NVIDIA driver: it runs on the CPU." }];
  if (driver !== null && runtime !== null && runtime.cudaDevices === 0)
    return [{ kind: "error", text: `LibTorch (${libtorch.variant}) sees no GPU. The driver may be too old for it; compare with: nvidia-smi` }];
  if (driver === null) return [];
  // One of each kind; where the driver does not tell there is nothing to compare.
  const kinds = [...new Map(gpus.filter(tellsCapability).map((gpu) => [gpu.capability, gpu])).values()];
  const archs = runtime === null ? [] : archsOfLibTorch(runtime.config);
  const unserved = archs.length === 0 ? [] : kinds.filter(({ capability }) => kernelsFor(capability, archs) === null);
  const served = kinds.filter((gpu) => !unserved.includes(gpu));
  const errors = unserved.map((gpu): Finding => {
    const lack = `LibTorch's CUDA kernels (${archs.join(", ")}) have none for ${gpu.name}, compute capability ${gpu.capability}: operators fail there`;
    // Which GPU is used is the program's to say.
    return { kind: served.length === 0 ? "error" : "note", text: `${lack}. ${fetchable(driver, [gpu], "(without this torch in PATH)")}` };
  });
  const anyServed = served.length > 0 || unserved.length === 0;
  return [...errors, ...(kernels !== null && anyServed ? kernelFindings(served, kernels) : [])];
}

/** How to have a build that serves these GPUs. */
function fetchable(driver: Driver, gpus: readonly Gpu[], condition: string): string {
  const variant = wantedVariant(driver, {}, gpus);
  return variant === "cpu"
    ? `No CUDA build that dgsam fetches serves it with driver ${driver?.version ?? "unknown"}; a newer driver may help, or a LibTorch of your own (DGSAM_LIBTORCH)`
    : `For a CUDA build: DGSAM_LIBTORCH_VARIANT=${variant} ${BUILD_COMMAND} ${condition}`;
}

/** What LibTorch's own kernels are compiled for, by its description of its build; empty where that does not tell. */
function archsOfLibTorch(config: string): string[] {
  return [...config.matchAll(/arch=compute_\d+a?,code=(sm|compute)_(\d+a?)/g)].map(([, kind, arch]) => (kind === "compute" ? `${arch}+PTX` : arch!));
}

function kernelFindings(gpus: readonly Gpu[], kernels: CudaBuild | NoCuda): Finding[] {
  if ("reason" in kernels)
    return [{ kind: "note", text: `There are no CUDA kernels of our own in this build: ${kernels.reason}. Everything works on the GPU, by LibTorch's kernels, and the steps of SAM and DGSAM take longer. With nvcc installed: ${BUILD_COMMAND}` }];
  const findings: Finding[] = [];
  for (const { name, capability } of gpus) {
    const served = kernelsFor(capability, kernels.archs);
    if (served === "binary") continue;
    const lack = `Our CUDA kernels (${kernels.archs.join(", ")}) have no binary for ${name}, compute capability ${capability}`;
    const effect = served === "ptx" ? "the driver compiles them from PTX when they first run" : "LibTorch's kernels serve it instead";
    findings.push({ kind: "note", text: `${lack}: ${effect}. With an nvcc that knows it: DGSAM_CUDA_ARCHS=${capability.replace(".", "")} ${BUILD_COMMAND}` });
  }
  return findings;
}
