/**
 * Images embedded in Parquet files, as the Hugging Face hub publishes data sets: a column `image` of bytes (or of bytes and a path), a
 * label and a domain, as text or as integers whose names (ClassLabel) are in the file's metadata.
 */

import path from "node:path";
import { DgsamError } from "../../errors.js";
import { collect, type LabelledImage, type Reading } from "./collection.js";
import type { EncodedImage } from "./encoded-image.js";
import { ContainerFile } from "./file-image.js";
import type { CompressionLibrary } from "./parquet-codecs.js";
import { ParquetColumn } from "./parquet-column.js";
import { type ParquetMetadata, readMetadata } from "./parquet-metadata.js";
import type { DataProblem } from "./problems.js";

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
 * @throws DgsamError `ERR_DATA` when a file cannot be read or lacks a column
 */
export async function readParquet(files: readonly string[], options: ParquetOptions = {}): Promise<Reading> {
  const library = await import("hyparquet-compressors");
  const problems: DataProblem[] = [];
  const images: LabelledImage[] = [];
  let { classes } = options;
  for (const file of files) {
    const table = await openTable(library, file, options.columns ?? {});
    const names = table.labelNames;
    if (options.classes === undefined && names !== undefined) {
      if (classes !== undefined && classes.join("\n") !== names.join("\n")) {
        throw new DgsamError("ERR_DATA", `${file}: names the classes otherwise than the files before: ${names.slice(0, 5).join(", ")}...; pass files of one data set, or classes`);
      }
      classes = names;
    }
    await addRows(table, images, problems);
  }
  const { collection, problems: more } = collect(path.basename(files[0]!, path.extname(files[0]!)), images, classes);
  return { collection, problems: [...problems, ...more] };
}

interface Table {
  readonly file: ContainerFile;
  readonly image: ParquetColumn;
  readonly label: ParquetColumn;
  readonly domain: ParquetColumn;
  readonly split: ParquetColumn | undefined;
  readonly columns: { readonly label: string; readonly domain: string };
  readonly labelNames: readonly string[] | undefined;
  readonly domainNames: readonly string[] | undefined;
}

const LABEL_TYPES: readonly string[] = ["BYTE_ARRAY", "INT32", "INT64", "FLOAT", "DOUBLE"];

async function openTable(library: CompressionLibrary, name: string, named: NonNullable<ParquetOptions["columns"]>): Promise<Table> {
  const file = new ContainerFile(name);
  const metadata = await readMetadata(file);
  const { leaves } = metadata;
  const present = [...new Set(leaves.map(({ path: [first] }) => first!))];
  const { image = "image", label = "label", domain = "domain", split = present.includes("split") ? "split" : undefined } = named;
  for (const [role, column] of Object.entries({ image, label, domain, ...(split === undefined ? {} : { split }) })) {
    if (!present.includes(column)) {
      throw new DgsamError("ERR_DATA", `${name}: has no column ${JSON.stringify(column)} for the ${role}; its columns are ${present.join(", ")}; name the right one by columns: { ${role}: ... }`);
    }
  }
  const index = leaves.findIndex(({ path: [first, ...rest], type, repeated }) => first === image && ["", "bytes"].includes(rest.join(".")) && type === "BYTE_ARRAY" && !repeated);
  if (index === -1) throw new DgsamError("ERR_DATA", `${name}: column ${JSON.stringify(image)} holds no image bytes; expected bytes, or a struct with a field bytes`);
  const ofLabels = (column: string): ParquetColumn => {
    const place = leaves.findIndex(({ path: names, type, repeated }) => names.length === 1 && names[0] === column && LABEL_TYPES.includes(type) && !repeated);
    if (place === -1) throw new DgsamError("ERR_DATA", `${name}: column ${JSON.stringify(column)} holds neither text nor integers`);
    return new ParquetColumn(library, file, metadata, place);
  };
  const features = hubFeatures(metadata);
  return {
    file, image: new ParquetColumn(library, file, metadata, index), label: ofLabels(label), domain: ofLabels(domain), split: split === undefined ? undefined : ofLabels(split),
    columns: { label, domain }, labelNames: classLabels(features[label]), domainNames: classLabels(features[domain]),
  };
}

async function addRows(table: Table, images: LabelledImage[], problems: DataProblem[]): Promise<void> {
  const { file, image: column, columns, labelNames, domainNames } = table;
  const labels = await table.label.readAll();
  const domains = await table.domain.readAll();
  const splits = await table.split?.readAll();
  const identity = file.identity;
  for (const row of labels.keys()) {
    const label = named(labels[row], labelNames);
    const domain = named(domains[row], domainNames);
    const split = named(splits?.[row], undefined);
    for (const [name, value, found] of [[columns.label, label, labels[row]], [columns.domain, domain, domains[row]]] as const) {
      if (value === undefined) problems.push({ kind: "malformed", path: `${file.path}#row ${row}`, message: `${JSON.stringify(name)} is ${describe(found)}` });
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
function hubFeatures({ keyValues }: ParquetMetadata): Readonly<Record<string, unknown>> {
  const text = keyValues.get("huggingface");
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
