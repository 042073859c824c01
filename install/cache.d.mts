import type { InstallError } from "./errors.mjs";

/** `$XDG_CACHE_HOME/dgsam`, else `~/.cache/dgsam`. */
export function cacheFolder(env: NodeJS.ProcessEnv): string;
/** Where the pinned LibTorch of a variant is kept; `libtorch` is the folder inside with include and lib, null while empty. */
export function cachedLibTorch(env: NodeJS.ProcessEnv, variant: string): { folder: string; libtorch: string | null };
export function writeRecord(folder: string, record: { libtorch: string; version: string; variant: string; from: string }): void;
/** What has happened to a LibTorch since it was fetched; null when nothing has, and for one that is not out of a cache. */
export function cacheDamage(root: string): string | null;
/** Lets `fill` make a folder beside its place and renames it when that succeeded; nothing half-made stays. */
export function makeFolder<T>(folder: string, fill: (staging: string) => Promise<T>): Promise<T>;
/** Throws an InstallError unless the disk of a folder, which need not exist yet, has room. */
export function assertRoom(folder: string, neededBytes: number, freeBytes?: (folder: string) => number): void;
/** Whether nothing can be written to a folder any more. */
export function hasNoRoom(folder: string): boolean;
export function isDiskFull(text: string): boolean;
export function diskFull(folder: string, cause?: unknown): InstallError;
