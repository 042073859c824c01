/** What `dgsam doctor` prints. */

import { describeCuda } from "../../install/cuda.mjs";
import { describeAttempts } from "../../install/errors.mjs";
import { align } from "./align.js";
import type { DoctorReport } from "./diagnosis.js";

/** The report as text: facts in a column, the search for LibTorch, then what was found wrong. */
export function doctorText(report: DoctorReport): string {
  const { node, addon, libtorch, cuda, runtime, tried, findings } = report;
  const facts: [name: string, value: string][] = [
    ["dgsam", report.dgsam],
    ["Node", `${node.version} (needs ${node.required})`],
    ["platform", report.platform],
    ["addon", `${addon.loads ? "loads" : "does not load"}, ${addon.built === null ? "not built" : `built by ${addon.built.compiler}`}, ${addon.folder}`],
    ["LibTorch", libtorch === null ? "none found" : `${libtorch.version}, ${libtorch.root} (from ${libtorch.source})`],
  ];
  if (libtorch !== null) facts.push(["build", `${libtorch.variant}, C++ ABI ${libtorch.abi}`]);
  facts.push(["CUDA", cudaText(cuda)]);
  if (cuda.kernels !== null) {
    const instead = "reason" in cuda.kernels && libtorch?.variant.startsWith("cu") ? ": CUDA tensors go through LibTorch's foreach kernels" : "";
    facts.push(["CUDA kernels", `${describeCuda(cuda.kernels)}${instead}`]);
  }
  if (runtime !== null)
    facts.push(
      ["threads", `${runtime.threads}, between operators ${runtime.interopThreads}${runtime.openmp ? "" : ", without OpenMP"}`],
      ["BLAS", `${runtime.blas}, LAPACK ${runtime.lapack}`],
      ["CPU kernels", runtime.cpuCapability],
    );
  const lines = [align(facts, 2)];
  if (tried.length > 0) lines.push("", "LibTorch was looked for in this order:", ...describeAttempts(tried));
  for (const { kind, text } of findings) lines.push("", `${kind === "error" ? "Problem" : "Note"}: ${text}`);
  lines.push("", report.ok ? "Everything works." : "Something does not work; see above.", "");
  return lines.join("\n");
}

function cudaText({ driver, devices, usable }: DoctorReport["cuda"]): string {
  if (driver === null) return "no NVIDIA driver";
  const names = devices.length === 0 ? "" : `: ${devices.map(({ name, capability }) => `${name} (${capability})`).join(", ")}`;
  return `driver ${driver}, ${usable} usable ${usable === 1 ? "device" : "devices"}${names}`;
}
