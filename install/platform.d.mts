import type { Gpu } from "./gpus.mjs";

export interface Host {
  platform: string;
  arch: string;
  /** The C library, on Linux. */
  libc: "glibc" | "musl" | null;
}

export const PINNED_LIBTORCH: string;
export const OLDEST_LIBTORCH: string;
export const OLDEST_NODE: string;
export function currentHost(): Host;
export function platformName(host: Host): string;
/** Throws an InstallError with code ERR_PLATFORM. */
export function assertSupportedPlatform(host?: Host, env?: NodeJS.ProcessEnv): void;
/** Throws an InstallError with code ERR_PLATFORM. */
export function assertSupportedNode(version?: string): void;
export function findNvidiaDriver(root?: string): { version: string | null } | null;
/** The LibTorch build to fetch: a CUDA build that the driver runs and that serves most of the GPUs (none where the driver does not tell), or "cpu". */
export function wantedVariant(driver: { version: string | null } | null, env?: NodeJS.ProcessEnv, gpus?: readonly Gpu[]): string;
export function compareVersions(a: string, b: string): number;
