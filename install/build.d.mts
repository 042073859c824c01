import type { Attempt, FoundLibTorch } from "./find.mjs";

/** What the addon was built against, as build/Release/dgsam-build.json says. */
export interface BuildRecord {
  libtorch: FoundLibTorch;
  tried: Attempt[];
  node: string;
  hash: string;
}

export const ROOT: string;
/** Null when the addon was never built. */
export function readRecord(): BuildRecord | null;
export function buildAddon(options?: { log?: (line: string) => void; env?: NodeJS.ProcessEnv }): Promise<BuildRecord>;
