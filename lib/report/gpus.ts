/** The GPUs of the machine, and what is to be said of them beside LibTorch's build and our CUDA kernels. */

import { execFile } from "node:child_process";
import type { CudaBuild, NoCuda } from "../../install/cuda.mjs";
import type { FoundLibTorch } from "../../install/find.mjs";
import { BUILD_COMMAND } from "../../install/record.mjs";
import type { RuntimeInfo } from "../native.js";
import type { Finding } from "./diagnosis.js";

export interface Gpu {
  readonly name: string;
  /** Its compute capability: "9.0". */
  readonly capability: string;
}

/** What the driver's tool says. Where a driver hangs, its tool cannot even be ended: it is left behind then. */
function askDriver(env: NodeJS.ProcessEnv, milliseconds: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = execFile("nvidia-smi", ["--query-gpu=name,compute_cap", "--format=csv,noheader"], { env }, (error, stdout) => {
      clearTimeout(timer);
      if (error === null) resolve(stdout);
      else reject(error);
    });
    const timer = setTimeout(() => {
      child.kill("SIGKILL");
      child.stdout?.destroy();
      child.stderr?.destroy();
      child.unref();
      reject(new Error("nvidia-smi does not answer"));
    }, milliseconds);
  });
}

/** As the driver's own tool has them; none where it is missing or does not answer in time. */
export async function findGpus(env: NodeJS.ProcessEnv, milliseconds = 10_000): Promise<Gpu[]> {
  try {
    const stdout = await askDriver(env, milliseconds);
    return stdout.trim().split("\n").filter((line) => line !== "").map((line) => {
      const comma = line.lastIndexOf(",");
      return { name: line.slice(0, comma).trim(), capability: line.slice(comma + 1).trim() };
    });
  } catch {
    return [];
  }
}

/**
 * What of our kernels runs on a GPU: a binary serves its own generation from its own minor version on, PTX every GPU that is
 * as new, after the driver has compiled it. A binary of "90a" serves 9.0 alone.
 */
export function kernelsFor(capability: string, archs: readonly string[]): "binary" | "ptx" | null {
  const [major, minor] = capability.split(".").map(Number) as [number, number];
  const parsed = archs.map((arch) => ({ major: Math.floor(Number.parseInt(arch, 10) / 10), minor: Number.parseInt(arch, 10) % 10, exact: arch.includes("a"), ptx: arch.endsWith("+PTX") }));
  if (parsed.some((arch) => arch.major === major && (arch.exact ? arch.minor === minor : arch.minor <= minor))) return "binary";
  return parsed.some((arch) => arch.ptx && !arch.exact && (arch.major < major || (arch.major === major && arch.minor <= minor))) ? "ptx" : null;
}

/** `kernels` is null where there is no build. */
export function cudaFindings(
  hasDriver: boolean, gpus: readonly Gpu[], libtorch: FoundLibTorch | null, kernels: CudaBuild | NoCuda | null, runtime: RuntimeInfo | null,
): Finding[] {
  if (libtorch === null) return [];
  const cudaBuild = libtorch.variant.startsWith("cu");
  if (hasDriver && !cudaBuild)
    return [{ kind: "note", text: `There is an NVIDIA GPU, but this LibTorch is a CPU build. For a CUDA build: DGSAM_LIBTORCH_VARIANT=cu130 ${BUILD_COMMAND} (without a CPU torch in PATH)` }];
  if (!hasDriver && cudaBuild) return [{ kind: "note", text: "This LibTorch is a CUDA build, but there is no NVIDIA driver: it runs on the CPU." }];
  if (hasDriver && runtime !== null && runtime.cudaDevices === 0)
    return [{ kind: "error", text: `LibTorch (${libtorch.variant}) sees no GPU. The driver may be too old for it; compare with: nvidia-smi` }];
  return hasDriver && kernels !== null ? kernelFindings(gpus, kernels) : [];
}

function kernelFindings(gpus: readonly Gpu[], kernels: CudaBuild | NoCuda): Finding[] {
  if ("reason" in kernels)
    return [{ kind: "note", text: `There are no CUDA kernels of our own in this build: ${kernels.reason}. Everything works on the GPU, by LibTorch's kernels, and the steps of SAM and DGSAM take longer. With nvcc installed: ${BUILD_COMMAND}` }];
  const findings: Finding[] = [];
  // One of each kind; where the driver does not tell there is nothing to compare.
  const kinds = new Map(gpus.filter(({ capability }) => /^\d+\.\d$/.test(capability)).map((gpu) => [gpu.capability, gpu]));
  for (const { name, capability } of kinds.values()) {
    const served = kernelsFor(capability, kernels.archs);
    if (served === "binary") continue;
    const lack = `Our CUDA kernels (${kernels.archs.join(", ")}) have no binary for ${name}, compute capability ${capability}`;
    const effect = served === "ptx" ? "the driver compiles them from PTX when they first run" : "LibTorch's kernels serve it instead";
    findings.push({ kind: "note", text: `${lack}: ${effect}. With an nvcc that knows it: DGSAM_CUDA_ARCHS=${capability.replace(".", "")} ${BUILD_COMMAND}` });
  }
  return findings;
}
