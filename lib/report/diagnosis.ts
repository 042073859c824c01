/** What `dgsam doctor` finds out: the machine, the addon, its LibTorch, and what of them is unusable. */

import type { CudaBuild, NoCuda } from "../../install/cuda.mjs";
import { findLibTorch, LIBTORCH_VARIABLES, type Attempt, type FoundLibTorch } from "../../install/find.mjs";
import { findGpus, type Gpu } from "../../install/gpus.mjs";
import {
  assertSupportedNode, assertSupportedPlatform, compareVersions, currentHost, findNvidiaDriver, OLDEST_NODE, PINNED_LIBTORCH,
  platformName, wantedVariant, type Host,
} from "../../install/platform.mjs";
import { outputWithin } from "../../install/patience.mjs";
import { readRecord, RELEASE } from "../../install/record.mjs";
import type { RuntimeInfo } from "../native.js";
import { packageVersion } from "../version.js";
import { cudaFindings } from "./gpus.js";

/** `error`: something does not work; `note`: it works, but perhaps not as wished. */
export interface Finding {
  readonly kind: "error" | "note";
  readonly text: string;
}

export interface DoctorReport {
  /** False when a finding is an error. */
  readonly ok: boolean;
  readonly dgsam: string;
  readonly node: { readonly version: string; readonly required: string };
  readonly platform: string;
  readonly addon: {
    /** The folder of the addon. */
    readonly folder: string;
    readonly loads: boolean;
    /** Compiler and Node of the build; null when there was none. */
    readonly built: { readonly compiler: string; readonly node: string } | null;
  };
  /** The LibTorch that the addon was built against, or would be; null when none was found. */
  readonly libtorch: FoundLibTorch | null;
  readonly cuda: {
    /** The NVIDIA driver's version, "unknown" where it does not tell, null without a driver. */
    readonly driver: string | null;
    /** The GPUs, from the driver's own tool. */
    readonly devices: readonly Gpu[];
    /** How many of them LibTorch can use. */
    readonly usable: number;
    /** Our own CUDA kernels as they were compiled, or why there are none; null where there is no build. */
    readonly kernels: CudaBuild | NoCuda | null;
  };
  /** What LibTorch says of itself; null when the addon does not load. */
  readonly runtime: {
    readonly version: string;
    readonly threads: number;
    readonly interopThreads: number;
    readonly cpuCapability: string;
    readonly blas: string;
    readonly lapack: string;
    readonly openmp: boolean;
  } | null;
  /** Where LibTorch was looked for, in order. */
  readonly tried: readonly Attempt[];
  readonly findings: readonly Finding[];
}

/** Everything about the machine that the report depends on; tests replace parts of it. */
export interface Surroundings {
  readonly host: Host;
  readonly nodeVersion: string;
  readonly driver: { version: string | null } | null;
  readonly env: NodeJS.ProcessEnv;
  /** The module that loads the addon. */
  readonly nativeModule: URL;
}

export function currentSurroundings(): Surroundings {
  return {
    host: currentHost(),
    nodeVersion: process.versions.node,
    driver: findNvidiaDriver(),
    env: process.env,
    // Also right from lib/: only the compiled module can be run by itself.
    nativeModule: new URL("../../dist/native.js", import.meta.url),
  };
}

/** Looks at everything; never throws for what it finds, and never loads the addon into this process. */
export async function collectDoctorReport(surroundings: Surroundings = currentSurroundings()): Promise<DoctorReport> {
  const { host, nodeVersion, driver, env, nativeModule } = surroundings;
  const findings: Finding[] = [];
  const attempt = (check: () => void): void => {
    try {
      check();
    } catch (error) {
      findings.push({ kind: "error", text: (error as Error).message });
    }
  };
  attempt(() => assertSupportedNode(nodeVersion));
  attempt(() => assertSupportedPlatform(host, env));

  const record = readRecord();
  const probe = await probeAddon(nativeModule, env);
  // On a machine that is refused the addon says so too.
  if ("error" in probe && !findings.some(({ text }) => text === probe.error)) findings.push({ kind: "error", text: probe.error });
  const runtime = "runtime" in probe ? probe.runtime : null;
  // Where something is amiss, what a new build would find says more than what the last one found.
  const amiss = record === null || runtime === null;
  // A variable that names no usable LibTorch stops the next build, however good the last one is.
  const named = LIBTORCH_VARIABLES.some((name) => (env[name] ?? "") !== "");
  const devices = driver === null ? [] : await findGpus(env);
  const searched = amiss || named ? await search(driver, devices, env, findings) : null;
  const { found, tried } = amiss ? searched! : { found: record.libtorch, tried: record.tried };
  const kernels = record?.cuda ?? null;
  findings.push(...cudaFindings(driver, devices, found, kernels, runtime));
  if (found !== null && compareVersions(found.version, PINNED_LIBTORCH) > 0)
    findings.push({ kind: "note", text: `LibTorch ${found.version} is newer than ${PINNED_LIBTORCH}, the newest that dgsam is tested with.` });

  return {
    ok: findings.every(({ kind }) => kind !== "error"),
    dgsam: packageVersion(),
    node: { version: nodeVersion, required: `>=${OLDEST_NODE}` },
    platform: platformName(host),
    addon: { folder: RELEASE, loads: runtime !== null, built: record === null ? null : { compiler: record.compiler, node: record.node } },
    libtorch: found,
    cuda: { driver: driver === null ? null : (driver.version ?? "unknown"), devices, usable: runtime?.cudaDevices ?? 0, kernels },
    runtime: runtime === null ? null : {
      version: runtime.version,
      threads: runtime.threads,
      interopThreads: runtime.interopThreads,
      cpuCapability: runtime.cpuCapability,
      blas: buildSetting(runtime.config, "BLAS_INFO"),
      lapack: buildSetting(runtime.config, "LAPACK_INFO"),
      openmp: runtime.hasOpenmp,
    },
    tried,
    findings,
  };
}

/** What a build would find now. */
async function search(driver: Surroundings["driver"], gpus: readonly Gpu[], env: NodeJS.ProcessEnv, findings: Finding[]): Promise<{ found: FoundLibTorch | null; tried: Attempt[] }> {
  try {
    return await findLibTorch({ variant: wantedVariant(driver, env, gpus), env });
  } catch (error) {
    findings.push({ kind: "error", text: (error as Error).message });
    return { found: null, tried: [] };
  }
}

/** Gigabytes may have to come from a slow disk. */
const PROBE_MILLISECONDS = 120_000;

/** Loads the addon in a child: a wrong library may end the process that opens it, and a driver that hangs may hold it. */
async function probeAddon(nativeModule: URL, env: NodeJS.ProcessEnv): Promise<{ runtime: RuntimeInfo } | { error: string }> {
  const script = `
    const answer = await import(${JSON.stringify(nativeModule.href)})
      .then(({ native }) => ({ runtime: native.runtimeInfo() }))
      .catch((error) => ({ error: error instanceof Error ? error.message : String(error) }));
    process.stdout.write(JSON.stringify(answer));`;
  try {
    const stdout = await outputWithin(process.execPath, ["--input-type=module", "--eval", script], env, PROBE_MILLISECONDS);
    return JSON.parse(stdout) as { runtime: RuntimeInfo } | { error: string };
  } catch (error) {
    const { signal, stderr = "" } = error as { signal?: string | null; stderr?: string };
    if (typeof signal === "string") return { error: `Loading the addon ended the process (${signal}).` };
    return { error: stderr.trim() || (error as Error).message };
  }
}

/** A setting in LibTorch's description of its build; "unknown" where it is not told. */
function buildSetting(config: string, name: string): string {
  return new RegExp(`\\b${name}=(\\w+)`).exec(config)?.[1] ?? "unknown";
}
