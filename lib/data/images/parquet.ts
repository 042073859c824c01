/**
 * Images embedded in Parquet files, as the Hugging Face hub publishes data sets: a column `image` of bytes (or of bytes and a path), a
 * label and a domain, as text or as integers whose names (ClassLabel) are in the file's metadata.
 */

import path from "node:path";
import type { FileMetaData } from "hyparquet";
import { DgsamError } from "../../errors.js";
import { collect, type LabelledImage, type Reading } from "./collection.js";
import type { EncodedImage } from "./encoded-image.js";
import { ContainerFile } from "./file-image.js";
import { ParquetColumn, type ParquetLibrary } from "./parquet-column.js";
import type { DataProblem } from "./problems.js";
import { readShards, type ReadingOptions } from "./shards.js";

export interface ParquetOptions {
  /** What the columns are called. Default: `image`, `label`, `domain` and, where it is there, `split`. */
  columns?: { image?: string; label?: string; domain?: string; split?: string };
  /** The names of the classes in the order of their integers, where the file does not tell them. */
  classes?: readonly string[];
}

class ParquetImage implements EncodedImage {
  readonly path: string;

  constructor(file: ContainerFile, readonly column: ParquetColumn, readonly identity: string, readonly row: number) {
    this.path = `${file.path}#row ${row}`;
  }

  async read(): Promise<Uint8Array> {
    const bytes = await this.column.read(this.row);
    if (bytes === null) throw new DgsamError("ERR_DATA", `${this.path}: has no image bytes; a file that only names its images cannot be used alone`);
    return bytes;
  }
}

/**
 * Reads labels and domains of all rows; images are read when they are asked for, a page of about a megabyte at a time.
 *
 * @throws DgsamError `ERR_DATA` when a file (by the policy "report": all of them) cannot be read, lacks a column or names the classes otherwise; the signal's reason
 */
export async function readParquet(files: readonly string[], options: ParquetOptions = {}, reading: ReadingOptions = {}): Promise<Reading> {
  const library = await loadLibrary();
  const problems: DataProblem[] = [];
  const images: LabelledImage[] = [];
  let { classes } = options;
  await readShards(files, reading, problems, async (file) => {
    reading.signal?.throwIfAborted();
    const table = await openTable(library, file, options.columns ?? {});
    const names = table.labelNames;
    if (options.classes === undefined && names !== undefined) {
      if (classes !== undefined && classes.join("\n") !== names.join("\n")) {
        throw new DgsamError("ERR_DATA", `${file}: names the classes otherwise than the files before: ${names.slice(0, 5).join(", ")}...; pass files of one data set, or classes`);
      }
      classes = names;
    }
    await addRows(table, images, problems);
  });
  const { collection, problems: more } = collect(path.basename(files[0]!, path.extname(files[0]!)), images, classes);
  return { collection, problems: [...problems, ...more] };
}

interface Table {
  readonly file: ContainerFile;
  readonly column: ParquetColumn;
  readonly columns: { readonly label: string; readonly domain: string; readonly split?: string };
  /** These columns by name. */
  readonly others: ReadonlyMap<string, ParquetColumn>;
  readonly labelNames: readonly string[] | undefined;
  readonly domainNames: readonly string[] | undefined;
}

async function openTable(library: ParquetLibrary, name: string, named: NonNullable<ParquetOptions["columns"]>): Promise<Table> {
  const file = new ContainerFile(name);
  let metadata: FileMetaData;
  try {
    if (file.size < 12) throw new Error(`it has ${file.size} bytes`);
    metadata = await library.parquetMetadataAsync(bufferOf(file));
  } catch (cause) {
    if (cause instanceof DgsamError) throw cause;
    throw new DgsamError("ERR_DATA", `${name}: is no sound Parquet file: ${(cause as Error).message}`, { cause });
  }
  const leaves = (metadata.row_groups[0]?.columns ?? []).map((column) => column.meta_data?.path_in_schema ?? []);
  const present = [...new Set(leaves.map((leaf) => leaf[0] ?? ""))];
  const { image = "image", label = "label", domain = "domain", split } = named;
  for (const [role, column] of Object.entries({ image, label, domain, ...(split === undefined ? {} : { split }) })) {
    if (!present.includes(column)) {
      throw new DgsamError("ERR_DATA", `${name}: has no column ${JSON.stringify(column)} for the ${role}; its columns are ${present.join(", ")}; name the right one by columns: { ${role}: ... }`);
    }
  }
  const index = leaves.findIndex((leaf) => leaf[0] === image && (leaf.length === 1 || (leaf.length === 2 && leaf[1] === "bytes")));
  if (index === -1) throw new DgsamError("ERR_DATA", `${name}: column ${JSON.stringify(image)} holds no image bytes; expected bytes, or a struct with a field bytes`);
  const features = hubFeatures(metadata);
  const parts = split ?? (present.includes("split") ? "split" : undefined);
  const columnAt = (at: number) => new ParquetColumn(library, file, metadata, at);
  return {
    file, column: columnAt(index), columns: { label, domain, ...(parts === undefined ? {} : { split: parts }) },
    others: new Map([label, domain, ...(parts === undefined ? [] : [parts])].map((name) => [name, columnAt(leaves.findIndex((leaf) => leaf[0] === name))])),
    labelNames: classLabels(features[label]), domainNames: classLabels(features[domain]),
  };
}

async function addRows(table: Table, images: LabelledImage[], problems: DataProblem[]): Promise<void> {
  const { file, column, columns, others, labelNames, domainNames } = table;
  const values = new Map<string, readonly unknown[]>();
  for (const [name, other] of others) values.set(name, await other.readAll());
  const identity = file.identity;
  for (let row = 0; row < values.get(columns.label)!.length; row++) {
    const fields = Object.fromEntries([...values].map(([name, each]) => [name, each[row]]));
    const label = named(fields[columns.label], labelNames);
    const domain = named(fields[columns.domain], domainNames);
    const split = columns.split === undefined ? undefined : named(fields[columns.split], undefined);
    const where = `${file.path}#row ${row}`;
    for (const [name, value] of [[columns.label, label], [columns.domain, domain]] as const) {
      if (value === undefined) problems.push({ kind: "malformed", path: where, message: `${JSON.stringify(name)} is ${describe(fields[name])}` });
    }
    if (label === undefined || domain === undefined) continue;
    images.push({ image: new ParquetImage(file, column, `${identity}|row ${row}`, row), label, domain: String(domain), ...(split === undefined ? {} : { split: String(split) }) });
  }
}

/** Text, or an integer, or the name that the integer stands for; nothing for anything else. */
function named(value: unknown, names: readonly string[] | undefined): string | number | undefined {
  if (typeof value === "string") return value === "" ? undefined : value;
  const number = typeof value === "bigint" || typeof value === "number" ? Number(value) : NaN;
  if (!Number.isSafeInteger(number)) return undefined;
  return names === undefined ? number : names[number];
}

function describe(value: unknown): string {
  if (value === null || value === undefined || value === "") return "empty";
  return `${String(value)}, neither text nor an integer that has a name`;
}

/** What the `datasets` library writes down about the columns. */
function hubFeatures(metadata: FileMetaData): Readonly<Record<string, unknown>> {
  const text = metadata.key_value_metadata?.find(({ key }) => key === "huggingface")?.value;
  try {
    const features = (JSON.parse(text ?? "{}") as { info?: { features?: unknown } } | null)?.info?.features;
    return typeof features === "object" && features !== null ? (features as Record<string, unknown>) : {};
  } catch {
    // Labels are then what the columns hold.
    return {};
  }
}

function classLabels(feature: unknown): readonly string[] | undefined {
  const { _type: type, names } = Object(feature) as { _type?: unknown; names?: unknown };
  if (type !== "ClassLabel" || !Array.isArray(names) || !names.every((each) => typeof each === "string")) return undefined;
  return names;
}

function bufferOf(file: ContainerFile): { byteLength: number; slice: (start: number, end?: number) => Promise<ArrayBuffer> } {
  return {
    byteLength: file.size,
    async slice(start, end = file.size) {
      // Exactly these bytes: what reads them makes views of the whole.
      return (await file.read(start, end)).buffer as ArrayBuffer;
    },
  };
}

async function loadLibrary(): Promise<ParquetLibrary> {
  const [{ parquetReadObjects, parquetMetadataAsync }, { deserializeTCompactProtocol }, { compressors }] = await Promise.all([
    import("hyparquet"), import("hyparquet/src/thrift.js"), import("hyparquet-compressors"),
  ]);
  return { parquetReadObjects, parquetMetadataAsync, deserializeTCompactProtocol, compressors };
}
