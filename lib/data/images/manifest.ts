/**
 * A list of images with label and domain, for data that do not lie in folders: CSV with a header row, JSON (an array of objects) or
 * JSON lines, with `path`, `label`, `domain` and, where there are parts, `split`.
 */

import { readFileSync, statSync } from "node:fs";
import path from "node:path";
import { CsvError, parse } from "csv-parse/sync";
import { DgsamError } from "../../errors.js";
import { collect, type LabelledImage, type Reading } from "./collection.js";
import { FileImage, unreadable } from "./file-image.js";
import type { DataProblem } from "./problems.js";

export interface ManifestOptions {
  /** What relative paths in the manifest are relative to. Default: the manifest's folder. */
  root?: string;
  /** The names of the classes, where labels are indices into them or not all of them occur. Default: the sorted labels; for integer labels "0", "1", ... */
  classes?: readonly string[];
}

/** An entry as it stands there, and where that is. */
interface Entry {
  readonly where: string;
  readonly fields: Readonly<Record<string, unknown>>;
  /** What is wrong with it as a whole. */
  readonly mistake?: string;
}

const REQUIRED = ["path", "label", "domain"] as const;
const COLUMNS = [...REQUIRED, "split"] as const;

/**
 * Reads a manifest; of the images only whether they are there.
 *
 * @throws DgsamError `ERR_DATA` when it cannot be read or parsed or lacks a column; mistakes in lines are in the reading's problems
 */
export function readManifest(file: string, { root = path.dirname(file), classes }: ManifestOptions = {}): Reading {
  const problems: DataProblem[] = [];
  const images: LabelledImage[] = [];
  const entries = entriesOf(file, readText(file));
  // Where some say their part, one that does not would be left out in silence.
  const optional = entries.some(({ fields }) => fields["split"] !== undefined) ? [] : ["split"];
  for (const { where, fields, mistake } of entries) {
    if (mistake !== undefined) {
      problems.push({ kind: "malformed", path: where, message: mistake });
      continue;
    }
    const said = new Map<string, string>();
    for (const name of COLUMNS) {
      const value = fields[name];
      if (typeof value === "number" || (typeof value === "string" && value.trim() !== "")) said.set(name, String(value));
      else if (value !== undefined && value !== null && value !== "") problems.push({ kind: "malformed", path: where, message: `${JSON.stringify(name)} is neither text nor a number` });
      else if (!optional.includes(name)) problems.push({ kind: "malformed", path: where, message: `${JSON.stringify(name)} is ${value === undefined ? "missing" : "empty"}` });
    }
    if (REQUIRED.some((name) => !said.has(name))) continue;
    const target = path.resolve(root, said.get("path")!);
    if (!isFile(target)) {
      problems.push({ kind: "unreadable", path: where, message: `there is no file ${target}` });
      continue;
    }
    const split = said.get("split");
    images.push({ image: new FileImage(target), label: said.get("label")!, domain: said.get("domain")!, where, ...(split === undefined ? {} : { split }) });
  }
  const { collection, problems: more } = collect(path.basename(file, path.extname(file)), images, classes);
  return { collection, problems: [...problems, ...more] };
}

function readText(file: string): string {
  let bytes: Buffer;
  try {
    bytes = readFileSync(file);
  } catch (cause) {
    throw unreadable(file, cause);
  }
  try {
    // Drops a byte order mark.
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new DgsamError("ERR_DATA", `${file}: is no UTF-8 text; a manifest is CSV or JSON in UTF-8`, { cause });
  }
}

/** By the ending, else by how it begins. */
function entriesOf(file: string, text: string): Entry[] {
  const extension = path.extname(file).toLowerCase();
  const start = text.trimStart()[0];
  if (extension === ".jsonl" || extension === ".ndjson" || (extension !== ".csv" && start === "{")) return jsonLines(file, text);
  if (extension === ".json" || (extension !== ".csv" && start === "[")) return jsonArray(file, text);
  return csvLines(file, text);
}

function csvLines(file: string, text: string): Entry[] {
  let rows: { record: string[]; info: { lines: number } }[];
  try {
    rows = parse(text, { info: true, skip_empty_lines: true, trim: true, relax_column_count: true }) as unknown as typeof rows;
  } catch (cause) {
    const line = cause instanceof CsvError && typeof cause["lines"] === "number" ? `line ${cause["lines"]}: ` : "";
    throw new DgsamError("ERR_DATA", `${file}: ${line}is no sound CSV: ${(cause as Error).message}`, { cause });
  }
  const [header, ...lines] = rows;
  const names = header?.record.map((name) => name.toLowerCase()) ?? [];
  const missing = REQUIRED.filter((name) => !names.includes(name));
  const [only = ""] = names;
  const separator = names.length > 1 ? undefined : [";", "\t"].find((each) => only.includes(each));
  if (separator !== undefined) {
    throw new DgsamError("ERR_DATA", `${file}: line 1: its columns seem to be separated by ${separator === ";" ? '";"' : "tabs"}; commas are expected: path,label,domain`);
  }
  if (missing.length > 0) {
    const columns = missing.map((each) => JSON.stringify(each)).join(", ");
    throw new DgsamError("ERR_DATA", `${file}: line 1: missing ${missing.length === 1 ? "column" : "columns"} ${columns}; the first line must name the columns path, label, domain and, where there are parts, split`);
  }
  const repeated = COLUMNS.find((name) => names.indexOf(name) !== names.lastIndexOf(name));
  if (repeated !== undefined) {
    const times = names.filter((name) => name === repeated).length;
    throw new DgsamError("ERR_DATA", `${file}: line 1: names the column ${JSON.stringify(repeated)} ${times} times, and it is not told which is meant; expected once: take out or rename the others`);
  }
  return lines.map(({ record, info }) => ({
    where: `${file}#line ${info.lines}`,
    fields: Object.fromEntries(names.map((name, i) => [name, record[i]])),
    ...(record.length > names.length ? { mistake: `has ${record.length} fields, but there are ${names.length} columns; put a text that holds a comma in double quotes` } : {}),
  }));
}

function jsonArray(file: string, text: string): Entry[] {
  const value = parseJson(file, text);
  if (!Array.isArray(value)) throw new DgsamError("ERR_DATA", `${file}: expected an array of objects with path, label and domain`);
  return value.map((each, i) => entry(`${file}#entry ${i + 1}`, each));
}

function jsonLines(file: string, text: string): Entry[] {
  return text.split("\n").flatMap((line, i) => (line.trim() === "" ? [] : [entry(`${file}#line ${i + 1}`, parseJson(`${file}: line ${i + 1}`, line))]));
}

function entry(where: string, value: unknown): Entry {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return { where, fields: value as Record<string, unknown> };
  return { where, fields: {}, mistake: "is no object with path, label and domain" };
}

function parseJson(where: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new DgsamError("ERR_DATA", `${where}: is no sound JSON: ${(cause as Error).message}`, { cause });
  }
}

function isFile(target: string): boolean {
  try {
    return statSync(target, { throwIfNoEntry: false })?.isFile() === true;
  } catch {
    // Not allowed, a file where a folder is named, a loop, a name that no file can have.
    return false;
  }
}
