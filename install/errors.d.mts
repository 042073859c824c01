import type { Attempt } from "./find.mjs";

export const AGAIN: string;

export class InstallError extends Error {
  readonly code: "ERR_PLATFORM" | "ERR_LIBTORCH" | "ERR_ADDON";
  readonly tried: Attempt[];
  constructor(
    code: "ERR_PLATFORM" | "ERR_LIBTORCH" | "ERR_ADDON",
    message: string,
    details?: { remedies?: string[]; tried?: Attempt[]; cause?: unknown },
  );
}

/** One line for each attempt. */
export function describeAttempts(attempts: readonly Attempt[]): string[];
