/** From what a user names to the files of one data set: a folder, a manifest, or the shards of Parquet or tar. */

import { lstatSync, readdirSync, statSync, type Stats } from "node:fs";
import path from "node:path";
import { DgsamError } from "../../errors.js";
import { sortNames } from "./collection.js";
import { unreadable } from "./file-image.js";

const KINDS = {
  ".csv": "manifest", ".json": "manifest", ".jsonl": "manifest", ".ndjson": "manifest", ".parquet": "parquet", ".tar": "tar",
} as const satisfies Readonly<Record<string, string>>;

/** What lies where; shards in order. */
export interface Located {
  readonly kind: "folder" | "manifest" | "parquet" | "tar";
  readonly files: readonly [string, ...string[]];
}

// More shards than any data set has; a mistake in a range would take all memory.
const MAX_SHARDS = 100_000;

/**
 * Finds the files of a data set. A name may be that of a folder of shards, and hold `{00..12}`, `{a,b}` and, in its last part, `*` and `?`, as shards
 * are named for WebDataset; a file of that very name comes first.
 *
 * @throws DgsamError `ERR_DATA` when there is nothing, nothing of a known kind, or several that do not go together
 */
export function locateData(data: string | readonly string[]): Located {
  const names = typeof data === "string" ? [data] : data;
  const found = names.flatMap(filesOf);
  const [first, ...others] = found;
  if (first === undefined) throw new DgsamError("ERR_DATA", "no data are named");
  const kinds = new Set(found.map(kindOf));
  const [kind] = kinds as Set<Located["kind"]>;
  if (others.length > 0 && (kinds.size > 1 || (kind !== "parquet" && kind !== "tar"))) {
    throw new DgsamError("ERR_DATA", `${names.join(", ")}: expected one folder, one manifest, or several files that all end with .parquet or all with .tar, got ${[...kinds].join(" and ")}`);
  }
  return { kind: kind!, files: [first, ...others] };
}

function kindOf(file: string): Located["kind"] {
  const kind = (KINDS as Readonly<Record<string, Located["kind"]>>)[path.extname(file).toLowerCase()];
  // A shard like others, which cannot be read: who reads them says so.
  if ((kind === "tar" || kind === "parquet") && leadsNowhere(file)) return kind;
  if (statusOf(file).isDirectory()) return "folder";
  if (kind === undefined) throw new DgsamError("ERR_DATA", `${file}: expected a folder, or a file whose name ends with ${Object.keys(KINDS).join(", ")}`);
  return kind;
}

function statusOf(file: string): Stats {
  const status = statusIfAny(file);
  if (status === undefined) throw unreadable(file, Object.assign(new Error(`ENOENT: no such file or directory, stat '${file}'`), { code: "ENOENT" }));
  return status;
}

function statusIfAny(file: string): Stats | undefined {
  try {
    return statSync(file, { throwIfNoEntry: false });
  } catch (cause) {
    throw unreadable(file, cause);
  }
}

/** Whether it is a link to what is not there, or cannot be reached. */
function leadsNowhere(file: string): boolean {
  return statusOrNone(lstatSync, file)?.isSymbolicLink() === true && statusOrNone(statSync, file) === undefined;
}

function isFolder(name: string): boolean {
  return statusOrNone(statSync, name)?.isDirectory() === true;
}

/** Nothing also where it cannot be told what there is. */
function statusOrNone(stat: typeof statSync | typeof lstatSync, name: string): Stats | undefined {
  try {
    return stat(name, { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}

function filesOf(name: string): string[] {
  if (leadsNowhere(name)) return [name];
  const status = statusIfAny(name);
  if (status?.isDirectory() === true) return shardsIn(name) ?? [name];
  if (status !== undefined) return [name];
  return braced(name).flatMap(matching);
}

/** The shards that a folder holds, if it holds no folders, which would be domains. */
function shardsIn(folder: string): string[] | undefined {
  let names: string[];
  try {
    names = readdirSync(folder).filter((name) => !name.startsWith("."));
  } catch (cause) {
    throw unreadable(folder, cause);
  }
  const shards = names.filter((name) => /\.(parquet|tar)$/i.test(name));
  // Links to folders are folders.
  if (shards.length === 0 || names.some((name) => isFolder(path.join(folder, name)))) return undefined;
  return sortNames(shards).map((name) => path.join(folder, name));
}

/** "{0..2}" and "{a,b}" written out, the last ones changing first. */
function braced(name: string): string[] {
  // What lies in braces is at odd places.
  const choices = name.split(/\{([^{}]*)\}/).map((part, i) => (i % 2 === 0 ? [part] : choicesOf(name, part)));
  const count = choices.reduce((product, { length }) => product * length, 1);
  if (count > MAX_SHARDS) throw new DgsamError("ERR_DATA", `${name}: stands for ${count} files, more than ${MAX_SHARDS}`);
  return choices.reduce((starts, parts) => starts.flatMap((start) => parts.map((part) => start + part)), [""]);
}

function choicesOf(name: string, braces: string): string[] {
  const range = /^(\d+)\.\.(\d+)$/.exec(braces);
  // A pair of braces with one part means itself.
  if (range === null) return braces.includes(",") ? braces.split(",") : [`{${braces}}`];
  const [first, last] = [Number(range[1]), Number(range[2])];
  if (first > last || last - first >= MAX_SHARDS) throw new DgsamError("ERR_DATA", `${name}: {${braces}}: expected a first number and a last one, at most ${MAX_SHARDS} apart`);
  return Array.from({ length: last - first + 1 }, (_, i) => String(first + i).padStart(range[1]!.length, "0"));
}

/** The files of a folder that "*" and "?" stand for, sorted. */
function matching(name: string): string[] {
  const pattern = path.basename(name);
  if (!/[*?]/.test(pattern)) return [name];
  const folder = path.dirname(name);
  const expression = new RegExp(`^${pattern.replace(/[.+^${}()|[\]\\]/g, "\\$&").replace(/\*/g, ".*").replace(/\?/g, ".")}$`, "s");
  let names: string[];
  try {
    names = readdirSync(folder).filter((each) => !each.startsWith(".") && expression.test(each));
  } catch (cause) {
    throw unreadable(name, cause);
  }
  if (names.length === 0) throw new DgsamError("ERR_DATA", `${name}: no file of ${folder} is called so`);
  return sortNames(names).map((each) => path.join(folder, each));
}
