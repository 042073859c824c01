/** `dgsam doctor`: what this installation is made of and whether it works. It must run where the addon does not load. */

import { spawnSync } from "node:child_process";
import { Command } from "commander";
import { findLibTorch, type Attempt } from "../../install/find.mjs";
import { assertSupportedNode, assertSupportedPlatform, currentHost, findNvidiaDriver, platformName, wantedVariant } from "../../install/platform.mjs";
import { readRecord } from "../../install/record.mjs";
import type { RuntimeInfo } from "../native.js";
import { packageVersion } from "./version.js";

export interface DoctorReport {
  /** Whether dgsam can be used. */
  ok: boolean;
  dgsam: string;
  node: string;
  platform: string;
  /** Why Node or the platform cannot be used. */
  platformProblem: string | null;
  /** Whether the addon loads, and why not. */
  addon: { ok: boolean; problem: string | null };
  /** What the addon was built against; null when it was never built. */
  libtorch: { root: string; version: string; variant: string; abi: string; source: string } | null;
  /** LibTorch's own word, when the addon loads. */
  runtime: RuntimeInfo | null;
  driver: { version: string | null } | null;
  /** Where a new build would look for LibTorch, in order, with what is there. */
  tried: Attempt[];
}

function problemOf(check: () => void): string | null {
  try {
    check();
    return null;
  } catch (error) {
    return (error as Error).message;
  }
}

/** Loads the addon in a child process: one that crashes must not take the doctor with it. */
function tryAddon(): { runtime: RuntimeInfo } | { problem: string } {
  const module = new URL("../index.js", import.meta.url).href;
  const script = `import(${JSON.stringify(module)}).then((d) => console.log(JSON.stringify(d.runtimeInfo())), (error) => { console.error(error.message); process.exit(1); })`;
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, ["-e", script], { encoding: "utf8" });
  if (status === 0) return { runtime: JSON.parse(stdout) as RuntimeInfo };
  return { problem: stderr.trim() || `loading it ended the process with ${signal ?? `status ${status}`}` };
}

export async function collectDoctorReport(): Promise<DoctorReport> {
  const driver = findNvidiaDriver();
  const platformProblem = problemOf(() => {
    assertSupportedNode();
    assertSupportedPlatform();
  });
  const loaded = tryAddon();
  const problem = "problem" in loaded ? loaded.problem : null;
  let tried: Attempt[];
  try {
    ({ tried } = await findLibTorch({ variant: wantedVariant(driver) }));
  } catch (error) {
    tried = [{ place: "search", outcome: "failed", detail: (error as Error).message }];
  }
  const record = readRecord();
  return {
    ok: platformProblem === null && problem === null,
    dgsam: packageVersion(),
    node: process.version,
    platform: platformName(currentHost()),
    platformProblem,
    addon: { ok: problem === null, problem },
    libtorch: record === null ? null : { root: record.libtorch.root, version: record.libtorch.version, variant: record.libtorch.variant, abi: record.libtorch.abi, source: record.libtorch.source },
    runtime: "runtime" in loaded ? loaded.runtime : null,
    driver,
    tried,
  };
}

export function formatDoctorReport(report: DoctorReport): string {
  const { runtime, libtorch } = report;
  const blas = /BLAS_INFO=(\w+)/.exec(runtime?.config ?? "")?.[1];
  const lines: [string, string][] = [
    ["dgsam", report.dgsam],
    ["Node", report.node],
    ["platform", report.platformProblem ?? report.platform],
    ["addon", report.addon.problem ?? "loads"],
    ["LibTorch", libtorch === null ? "the addon was never built" : `${libtorch.version} in ${libtorch.root} (found by ${libtorch.source})`],
    ["build", libtorch === null ? "-" : `${libtorch.variant}, ${libtorch.abi} ABI`],
    ["CUDA", runtime === null ? "-" : runtime.hasCuda ? `${runtime.cudaDevices} devices` : "not in this build"],
    ["driver", report.driver === null ? "no NVIDIA driver" : `NVIDIA ${report.driver.version ?? "of unknown version"}`],
    ["threads", runtime === null ? "-" : `${runtime.threads} in an operator`],
    ["BLAS", blas ?? "-"],
    ["processor", runtime === null ? "-" : runtime.cpuCapability],
  ];
  const width = Math.max(...lines.map(([name]) => name.length));
  const text = lines.map(([name, value]) => `${name.padEnd(width)}  ${value.replaceAll("\n", `\n${" ".repeat(width + 2)}`)}`);
  const tried = report.tried.map(({ place, outcome, detail }) => `  ${place}: ${outcome}${detail === "" ? "" : `, ${detail}`}`);
  return [...text, "", "Where a build looks for LibTorch:", ...tried, "", report.ok ? "Everything works." : "Something is unusable: see above.", ""].join("\n");
}

export function doctorCommand(): Command {
  return new Command("doctor")
    .description("Show what this installation is made of and whether it works")
    .option("--json", "print the report as JSON")
    .addHelpText("after", "\nExit status 1 when something is unusable.")
    .action(async ({ json = false }: { json?: boolean }) => {
      const report = await collectDoctorReport();
      process.stdout.write(json ? `${JSON.stringify(report, null, 2)}\n` : formatDoctorReport(report));
      if (!report.ok) process.exitCode = 1;
    });
}
