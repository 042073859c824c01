import type { Attempt, FoundLibTorch } from "./find.mjs";

export interface BuildRecord {
  libtorch: FoundLibTorch;
  /** Every place that was looked at, and every way of fetching that was tried. */
  tried: Attempt[];
  /** As CMake names it: "GNU 12.2.0". */
  compiler: string;
  /** The Node version that ran the build. */
  node: string;
  /** Of the native sources and the LibTorch. */
  hash: string;
}

/** The package's folder, and the folder of the addon. */
export const ROOT: string;
export const RELEASE: string;
/** Null when the addon was never built. */
export function readRecord(): BuildRecord | null;
export function writeRecord(record: BuildRecord): void;
