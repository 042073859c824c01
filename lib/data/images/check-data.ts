/** Looks through all images of a data set for what would spoil a training or its result. */

import { createHash } from "node:crypto";
import { availableParallelism } from "node:os";
import { checkInteger, optionsOf } from "../../checks.js";
import { argumentError, DgsamError } from "../../errors.js";
import { checkImage } from "./check-image.js";
import { missingClasses, sortNames, type Reading } from "./collection.js";
import { MAX_PIXELS } from "./decode.js";
import type { EncodedImage, ImageCollection } from "./encoded-image.js";
import { scanDomainFolder } from "./folder.js";
import { locateData } from "./locate.js";
import { readManifest } from "./manifest.js";
import { readParquet } from "./parquet.js";
import { withoutPath, type DataProblem } from "./problems.js";
import { sourceOptions, type SourceOptions } from "./source-options.js";
import { readTar } from "./tar.js";

export interface CheckDataOptions extends SourceOptions {
  /** Ends the check: the promise is rejected with its reason. */
  signal?: AbortSignal;
  /** Told after each image how many were looked at, of how many. */
  onProgress?: (done: number, total: number) => void;
  /** How many pixels an image may claim to have, width times height. Default 89,478,485, as in training. */
  maxPixels?: number;
}

export interface DataReport {
  readonly name: string;
  readonly classes: readonly string[];
  readonly domains: readonly {
    readonly name: string;
    readonly images: number;
    /** How many images of each class, in the order of `classes`. */
    readonly counts: readonly number[];
  }[];
  readonly images: number;
  /** Sorted by kind, then path. */
  readonly problems: readonly DataProblem[];
  /** Whether there is no problem. */
  readonly ok: boolean;
}

/**
 * Reads and decodes every image by the rules of training, several at a time and off the main thread, and compares their bytes. Found are: images that cannot be read or are cut
 * short; empty classes, and classes that a domain lacks; the same bytes twice, worst in two domains or under two classes; links that
 * lead nowhere or in circles; entries of archives that point outside; files that are no images; images that claim more pixels than
 * the limit, which are not decoded; mistakes in manifests; shards and folders that cannot be read, beside which the others are looked through.
 *
 * @param data the folder of a data set (`DOMAIN/CLASS/image`), a manifest (`.csv`, `.json`, `.jsonl`), a `.parquet` or a `.tar` file; several of these two, a folder of such, or
 *   names with `{00..12}`, `{a,b}`, `*` and `?`; or a collection
 * @param options `root` and `classes` as for `domainManifest`, `columns` and `classes` as for `domainParquet`, `classes` as for `domainTar`
 * @throws DgsamError (as a rejection) `ERR_DATA` when there is nothing of that kind to look at, or none of it can be read; `ERR_ARGUMENT`; the signal's reason
 */
export async function checkData(data: string | readonly string[] | ImageCollection, options: CheckDataOptions = {}): Promise<DataReport> {
  const { maxPixels = MAX_PIXELS, onProgress, signal, ...about } = optionsOf<CheckDataOptions>("checkData", options, ["maxPixels", "onProgress", "signal", "root", "columns", "classes"]);
  checkInteger("checkData: maxPixels", maxPixels, 1);
  if (onProgress !== undefined && typeof onProgress !== "function") throw argumentError("checkData: onProgress", "a function", onProgress);
  if (signal !== undefined && !(signal instanceof AbortSignal)) throw argumentError("checkData: signal", "an AbortSignal", signal);
  signal?.throwIfAborted();
  const { collection, problems } = isPaths(data) ? await read(data, about, signal) : fromCollection(data, about);
  const images = collection.domains.flatMap(({ name, records }) => records.map(({ image, label, where }): Seen => ({ image, domain: name, label, where })));
  if (images.length === 0 && problems.length === 0) throw new DgsamError("ERR_DATA", `${isPaths(data) ? [data].flat().join(", ") : `"${collection.name}"`}: it holds no image`);
  const found = [...problems];
  const numbers = new Map(images.map((seen, number) => [seen, number]));
  const copies = new Map<string, Seen[]>();
  let done = 0;
  await eachOf(images, availableParallelism(), async (seen) => {
    signal?.throwIfAborted();
    const { image } = seen;
    let bytes: Uint8Array;
    try {
      bytes = await image.read();
    } catch (error) {
      if (!(error instanceof DgsamError)) throw error;
      found.push({ kind: "unreadable", path: image.path, message: withoutPath(error.message, image.path) });
      onProgress?.(++done, images.length);
      return;
    }
    // All bytes are here in any case, so that comparing sizes first would save nothing.
    const digest = createHash("sha256").update(bytes).digest("base64");
    const same = copies.get(digest);
    if (same === undefined) copies.set(digest, [seen]);
    else same.push(seen);
    const problem = await checkImage(bytes, image.path, maxPixels);
    if (problem !== undefined) found.push(problem);
    onProgress?.(++done, images.length);
  });
  for (const same of copies.values()) if (same.length > 1) found.push(...duplicates(same.sort((a, b) => numbers.get(a)! - numbers.get(b)!), collection.classes));
  return report(collection, found);
}

interface Seen {
  readonly image: EncodedImage;
  readonly domain: string;
  readonly label: number;
  readonly where: string | undefined;
}

function isPaths(data: unknown): data is string | readonly string[] {
  return typeof data === "string" || (Array.isArray(data) && data.every((each) => typeof each === "string"));
}

async function read(data: string | readonly string[], about: SourceOptions, signal: AbortSignal | undefined): Promise<Reading> {
  const { kind, files } = locateData(data);
  const [first] = files;
  const options = sourceOptions("checkData", kind, about);
  if (kind === "folder") {
    const reading = scanDomainFolder(first, "report");
    if (reading.collection.domains.length === 0) throw new DgsamError("ERR_DATA", `${first}: it holds no folders; expected one for each domain, in it one for each class`);
    return reading;
  }
  const reading = { unreadable: "report", signal } as const;
  const { collection, problems } = kind === "manifest" ? readManifest(first, options) : kind === "parquet" ? await readParquet(files, options, reading) : await readTar(files, options, reading);
  return { collection, problems: [...problems, ...missingClasses(collection, () => first)] };
}

function fromCollection(data: ImageCollection, about: SourceOptions): Reading {
  const { name, classes, domains } = Object(data) as Record<string, unknown>;
  if (typeof name !== "string" || !Array.isArray(classes) || !Array.isArray(domains)) throw argumentError("checkData(data)", "a path, or an ImageCollection with name, classes and domains", data);
  const misplaced = Object.entries(about).find(([, value]) => value !== undefined);
  if (misplaced !== undefined) throw new DgsamError("ERR_ARGUMENT", `checkData: ${misplaced[0]}: only for data that are named by their path; a collection says all itself`);
  return { collection: data, problems: missingClasses(data, (domain) => `${data.name}/${domain}`) };
}

/** Calls `work` for each item, so many at a time; after the first that fails no other is begun, and those that were are waited for. */
async function eachOf<T>(items: readonly T[], workers: number, work: (item: T) => Promise<void>): Promise<void> {
  let next = 0;
  let failed = false;
  const worker = async (): Promise<void> => {
    while (next < items.length && !failed) {
      try {
        await work(items[next++]!);
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  const ends = await Promise.allSettled(Array.from({ length: workers }, worker));
  for (const end of ends) if (end.status === "rejected") throw end.reason;
}

/** What it means that these have the same bytes. The first of them is where it is reported. */
function duplicates(same: readonly Seen[], classes: readonly string[]): DataProblem[] {
  const sorted = [...same].sort((a, b) => (a.image.path < b.image.path ? -1 : a.image.path > b.image.path ? 1 : 0));
  const domains = sortNames(new Set(sorted.map(({ domain }) => domain)));
  const labels = sortNames(new Set(sorted.map(({ label }) => classes[label]!)));
  const { path: first } = sorted[0]!.image;
  // The path alone does not tell apart what a source names twice.
  const isRepeated = new Set(sorted.map(({ image }) => image.path)).size < sorted.length;
  const nameOf = ({ image: { path }, where }: Seen): string => (!isRepeated || where === undefined ? path : path === first ? where : `${path} (${where})`);
  const others = sorted.slice(isRepeated ? 0 : 1).map(nameOf).join(", ");
  const problems: DataProblem[] = [];
  if (domains.length > 1) problems.push({ kind: "duplicate-across-domains", path: first, message: `has the same bytes in domains ${domains.join(", ")}: ${others}` });
  if (labels.length > 1) problems.push({ kind: "duplicate-across-classes", path: first, message: `has the same bytes under classes ${labels.join(", ")}: ${others}` });
  if (problems.length === 0) problems.push({ kind: "duplicate", path: first, message: isRepeated ? `is there ${sorted.length} times: ${others}` : `has the same bytes as ${others}` });
  return problems;
}

function report({ name, classes, domains }: ImageCollection, problems: DataProblem[]): DataReport {
  const order = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
  return {
    name, classes,
    domains: domains.map((domain) => {
      const counts = classes.map(() => 0);
      for (const { label } of domain.records) counts[label]!++;
      return { name: domain.name, images: domain.records.length, counts };
    }),
    images: domains.reduce((sum, { records }) => sum + records.length, 0),
    problems: problems.sort((a, b) => order(a.kind, b.kind) || order(a.path, b.path) || order(a.message, b.message)),
    ok: problems.length === 0,
  };
}
