import type { LibTorch } from "./inspect.mjs";

/** One place where LibTorch was looked for, or one way of fetching it. */
export interface Attempt {
  /** "DGSAM_LIBTORCH", "python3", "system", "cache", "pip" ... */
  place: string;
  /** "used", "not set", "has none", "not usable", "failed" ... */
  outcome: string;
  /** A path, a version or a reason; may be empty. */
  detail: string;
}

export interface FoundLibTorch extends LibTorch {
  /** The place it was found in, as in {@link Attempt.place}. */
  source: string;
}

export const LIBTORCH_VARIABLES: readonly string[];
/** Looks for LibTorch without fetching. Throws an InstallError (ERR_LIBTORCH) when an environment variable is wrong. */
export function findLibTorch(options: {
  variant: string;
  env?: NodeJS.ProcessEnv;
  systemFolders?: string[];
}): Promise<{ found: FoundLibTorch | null; tried: Attempt[] }>;
