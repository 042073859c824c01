/** What is to be said of sources that do not say it themselves, each of some kinds of sources only. */

import { checkString, isPlainObject } from "../../checks.js";
import { argumentError, DgsamError } from "../../errors.js";
import { checkClasses } from "./collection.js";
import type { Located } from "./locate.js";
import type { ManifestOptions } from "./manifest.js";
import type { ParquetOptions } from "./parquet.js";

export interface SourceOptions extends Pick<ManifestOptions, "root">, ParquetOptions {}

const KINDS: Readonly<Record<keyof SourceOptions, readonly Located["kind"][]>> = { root: ["manifest"], columns: ["parquet"], classes: ["manifest", "parquet", "tar"] };

/**
 * Those of the options that are given.
 * @throws DgsamError `ERR_ARGUMENT` for one that this kind of source does not take, or that is none
 */
export function sourceOptions(name: string, kind: Located["kind"], { root, columns, classes }: { [K in keyof SourceOptions]?: SourceOptions[K] | undefined }): SourceOptions {
  const given = Object.fromEntries(Object.entries({ root, columns, classes }).filter(([, value]) => value !== undefined)) as SourceOptions;
  for (const option of Object.keys(given) as (keyof SourceOptions)[]) {
    if (!KINDS[option].includes(kind)) throw new DgsamError("ERR_ARGUMENT", `${name}: ${option}: only for ${KINDS[option].join(", ")}; the data are a ${kind}`);
  }
  if (root !== undefined) checkString(`${name}: root`, root);
  checkColumns(name, columns);
  checkClasses(name, classes);
  return given;
}

const COLUMNS = ["image", "label", "domain", "split"];

/** Throws `ERR_ARGUMENT` unless `columns` names columns, or is not given. */
export function checkColumns(name: string, columns: unknown): void {
  if (columns === undefined) return;
  if (isPlainObject(columns) && Object.entries(columns).every(([column, value]) => COLUMNS.includes(column) && (value === undefined || typeof value === "string"))) return;
  throw argumentError(`${name}: columns`, "an object with any of image, label, domain, split", columns);
}
