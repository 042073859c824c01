import type { CudaBuild, NoCuda } from "./cuda.mjs";
import type { Attempt, FoundLibTorch } from "./find.mjs";

export interface BuildRecord {
  libtorch: FoundLibTorch;
  /** Every place that was looked at, and every way of fetching that was tried. */
  tried: Attempt[];
  /** Our CUDA kernels, or why there are none. */
  cuda: CudaBuild | NoCuda;
  /** As CMake names it: "GNU 12.2.0". */
  compiler: string;
  /** The Node version that ran the build. */
  node: string;
  /** Of the native sources and the LibTorch. */
  hash: string;
  /** The files of the build, by name. */
  outputs: Record<string, { size: number; sha256: string }>;
}

/** The package's folder, and the folder of the addon. */
export const ROOT: string;
export const RELEASE: string;
export const IS_CLONE: boolean;
/** The command that builds the addon whatever npm's settings. */
export const BUILD_COMMAND: string;
/** Null when the addon was never built to the end, and when the record is not readable. */
export function readRecord(): BuildRecord | null;
export function writeRecord(build: Omit<BuildRecord, "outputs">): BuildRecord;
export function removeBuild(): void;
/** What has happened to the files of a build since, null when nothing has: by their sizes, with `content` by all of them. */
export function buildDamage(record: BuildRecord, options?: { content?: boolean }): string | null;
