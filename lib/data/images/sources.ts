/** Data sets of images, from wherever they lie: folders, the field's benchmarks, a manifest, Parquet files, tar archives. */

import path from "node:path";
import { checkBoolean, checkString } from "../../checks.js";
import { argumentError } from "../../errors.js";
import { DgsamWarning } from "../../warnings.js";
import { BENCHMARKS, readBenchmark, type Benchmark } from "./benchmarks.js";
import { checkClasses, chooseSplit, missingClasses, sound, type Reading } from "./collection.js";
import type { ImageCollection } from "./encoded-image.js";
import { readDomainFolder } from "./folder.js";
import { datasetWith, type ImageDataset } from "./image-dataset.js";
import { imageSettings, type ImageOptions, type ImageSettings } from "./image-options.js";
import { readManifest, type ManifestOptions } from "./manifest.js";
import { readParquet, type ParquetOptions } from "./parquet.js";
import { describeProblem, type DataProblem } from "./problems.js";
import { checkColumns } from "./source-options.js";
import { readTar, type TarOptions } from "./tar.js";

/** A data set, and what is to be known about how it was found. */
export type SourceDataset = ImageDataset & {
  /** The images themselves: `imageDataset` makes another data set of them, with other options. */
  readonly collection: ImageCollection;
  /** What is odd but no error: a class that a domain lacks, files that were left out. Each names its path. */
  readonly notes: readonly string[];
};

/** Of sources that say of each image what part of the data it belongs to. */
export interface SplitChoice {
  /** Takes this part alone, say "train". Labels stay those of the whole. Default: everything. */
  split?: string;
}

/** Of the benchmarks. */
export interface PartialChoice {
  /** Permits that domains are missing. Those that are there must still be whole: for fewer images take {@link domainFolder}. Default false. */
  partial?: boolean;
}

/**
 * Images in DomainBed's layout: `root/DOMAIN/CLASS/image`, the images at any depth below the class. JPEG, PNG, WebP, TIFF and GIF, by
 * the endings of their names; hidden files are left out.
 *
 * Domains are the sorted folders. Classes are the sorted union over the domains, so a label means the same in all of them. Images are in torchvision's order, and `splitDataset` gives DomainBed's split.
 * A class that a domain lacks, and what was left out, is in `notes`, and is one `DgsamWarning` of code `WARN_DATA`.
 *
 * @throws DgsamError `ERR_DATA` when there is no such folder, no domain, or a domain without images; `ERR_ARGUMENT`
 */
export function domainFolder(root: string, options: ImageOptions = {}): SourceDataset {
  checkString("domainFolder: root", root);
  const settings = imageSettings("domainFolder", options);
  const { collection, problems } = readDomainFolder(path.resolve(root));
  return datasetOf("domainFolder", collection, problems, settings);
}

/**
 * PACS (Li et al. 2017): four domains, 7 classes, 9,991 images.
 *
 * @param root its folder as DomainBed's download makes it, or the one in which that is called `PACS`
 * @throws DgsamError `ERR_DATA` with everything that differs from what is known of it: names of domains and classes, numbers of images; `ERR_ARGUMENT`
 */
export function pacs(root: string, options: ImageOptions & PartialChoice = {}): SourceDataset {
  return benchmark("pacs", BENCHMARKS.pacs, root, options);
}

/** VLCS (Fang et al. 2013): four domains, 5 classes, 10,729 images. `root` and errors as {@link pacs}; its folder is called `VLCS`. */
export function vlcs(root: string, options: ImageOptions & PartialChoice = {}): SourceDataset {
  return benchmark("vlcs", BENCHMARKS.vlcs, root, options);
}

/** Office-Home (Venkateswara et al. 2017): four domains, 65 classes, 15,588 images. `root` and errors as {@link pacs}; its folder is called `office_home`. */
export function officeHome(root: string, options: ImageOptions & PartialChoice = {}): SourceDataset {
  return benchmark("officeHome", BENCHMARKS.officeHome, root, options);
}

/**
 * Terra Incognita (Beery et al. 2018): four places of camera traps, 10 classes, 24,330 images, or 24,788 in the first edition.
 * `root` and errors as {@link pacs}; its folder is called `terra_incognita`.
 */
export function terraIncognita(root: string, options: ImageOptions & PartialChoice = {}): SourceDataset {
  return benchmark("terraIncognita", BENCHMARKS.terraIncognita, root, options);
}

/**
 * DomainNet (Peng et al. 2019): six domains, 345 classes, 586,575 images, without the duplicates that DomainBed's download takes away.
 * `root` and errors as {@link pacs}; its folder is called `domain_net`.
 */
export function domainNet(root: string, options: ImageOptions & PartialChoice = {}): SourceDataset {
  return benchmark("domainNet", BENCHMARKS.domainNet, root, options);
}

function benchmark(name: string, known: Benchmark, root: string, options: ImageOptions & PartialChoice): SourceDataset {
  checkString(`${name}: root`, root);
  const settings = imageSettings(name, options, ["partial"]);
  const { partial = false } = options;
  checkBoolean(`${name}: partial`, partial);
  const { collection, problems } = readBenchmark(known, path.resolve(root), partial);
  return datasetOf(name, collection, problems, settings);
}

/**
 * Images that a manifest lists: CSV with a header row, JSON (an array of objects) or JSON lines, with `path`, `label`, `domain` and, where
 * there are parts, `split`. Labels are names of classes, or integers from 0.
 *
 * @param file the manifest; relative paths in it are relative to its folder, or to the option `root`
 * @throws DgsamError `ERR_DATA` when it cannot be parsed, or with the mistakes, by line: missing columns, empty fields, files that are not there, labels that are no class; `ERR_ARGUMENT`
 */
export function domainManifest(file: string, options: ImageOptions & ManifestOptions & SplitChoice = {}): SourceDataset {
  checkString("domainManifest: file", file);
  const settings = imageSettings("domainManifest", options, ["root", "classes", "split"]);
  const { root, classes, split } = options;
  if (root !== undefined) checkString("domainManifest: root", root);
  checkClasses("domainManifest", classes);
  const reading = readManifest(path.resolve(file), { ...(root === undefined ? {} : { root: path.resolve(root) }), ...(classes === undefined ? {} : { classes }) });
  return listed("domainManifest", file, reading, split, settings);
}

/**
 * Images embedded in Parquet files, as the Hugging Face hub publishes data sets. The columns are `image` (bytes, or a struct with
 * `bytes`), `label`, `domain` and, where it is there, `split`; labels and domains are text, or integers with ClassLabel names in the
 * file's metadata. Images stay in the file; about a megabyte is read and decompressed at a time, and 64 MB are kept.
 *
 * @param files one file, or those of one data set in order
 * @throws DgsamError (as a rejection) `ERR_DATA` when a file cannot be read, lacks a column, or with the rows that have no label or domain; `ERR_ARGUMENT`
 */
export async function domainParquet(files: string | readonly string[], options: ImageOptions & ParquetOptions & SplitChoice = {}): Promise<SourceDataset> {
  const names = fileNames("domainParquet", files);
  const settings = imageSettings("domainParquet", options, ["columns", "classes", "split"]);
  const { columns, classes, split } = options;
  checkColumns("domainParquet", columns);
  checkClasses("domainParquet", classes);
  const reading = await readParquet(names, { ...(columns === undefined ? {} : { columns }), ...(classes === undefined ? {} : { classes }) });
  return listed("domainParquet", names[0]!, reading, split, settings);
}

/**
 * Images in tar archives, read from their places in the file. Either as WebDataset names them: files that share a name up to its first
 * dot are one sample, with `.jpg` (or another image), its label in `.cls` or in `.json` (`label`), its domain in `.json` (`domain`) or `.domain`, or else the
 * folder in the name; where names have no folder, `.txt`, unless these are captions, which is an error; its part in `.json` (`split`). Or, where there are no `.cls` and `.json` files, in DomainBed's layout `DOMAIN/CLASS/image`.
 *
 * Nothing is ever unpacked, and yet entries that point outside (`../`, absolute names, links) are refused: other tools unpack. Compressed archives are
 * refused, too, since one image could not be read without all before it. Of entries with one name the last counts, and `notes` say so.
 *
 * @param files one archive, or those of one data set in order
 * @throws DgsamError (as a rejection) `ERR_DATA` when an archive cannot be read or is not sound, or with the entries that are wrong; `ERR_ARGUMENT`
 */
export async function domainTar(files: string | readonly string[], options: ImageOptions & TarOptions & SplitChoice = {}): Promise<SourceDataset> {
  const names = fileNames("domainTar", files);
  const settings = imageSettings("domainTar", options, ["classes", "split"]);
  const { classes, split } = options;
  checkClasses("domainTar", classes);
  const { collection, problems } = await readTar(names, classes === undefined ? {} : { classes });
  // Files that are no images are in many archives, and do no harm; of entries with one name it is known which counts.
  const fatal = problems.filter(({ kind }) => kind !== "not-an-image" && kind !== "duplicate");
  const reading = { collection: sound(names[0]!, { collection, problems: fatal }), problems: [] };
  return listed("domainTar", names[0]!, reading, split, settings, problems);
}

function listed(name: string, file: string, reading: Reading, split: string | undefined, settings: ImageSettings, notes: readonly DataProblem[] = []): SourceDataset {
  const collection = chooseSplit(`${name}: ${file}`, sound(file, reading), split);
  return datasetOf(name, collection, [...notes, ...missingClasses(collection, () => file)], settings);
}

function datasetOf(name: string, collection: ImageCollection, problems: readonly DataProblem[], settings: ImageSettings): SourceDataset {
  const dataset = datasetWith(collection, settings);
  const notes = problems.map(describeProblem);
  if (notes.length > 0) {
    const more = notes.length > 3 ? `; and ${notes.length - 3} more, in the data set's notes` : "";
    process.emitWarning(new DgsamWarning("WARN_DATA", `${name}: ${notes.slice(0, 3).join("; ")}${more}`));
  }
  return Object.assign(dataset, { collection, notes });
}

function fileNames(name: string, files: string | readonly string[]): string[] {
  const names = typeof files === "string" ? [files] : files;
  if (!Array.isArray(names) || names.length === 0 || !names.every((each) => typeof each === "string")) throw argumentError(`${name}: files`, "the path of a file, or an array of such", files);
  return names.map((each) => path.resolve(each));
}
