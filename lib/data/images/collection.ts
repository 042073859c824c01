/** From single images with what is known of them to a collection: names in order, labels numbered, one part chosen. */

import { checkString } from "../../checks.js";
import { DgsamError, describeValue } from "../../errors.js";
import type { EncodedImage, ImageCollection, ImageRecord } from "./encoded-image.js";
import { describeProblem, problemsError, type DataProblem } from "./problems.js";

/** What a source was found to hold, and what is wrong with it. */
export interface Reading {
  readonly collection: ImageCollection;
  readonly problems: readonly DataProblem[];
}

/** An image that has its label yet as the source says it. */
export interface LabelledImage {
  readonly image: EncodedImage;
  readonly domain: string;
  readonly label: string | number;
  readonly split?: string;
  /** Where the source says so, for messages: a line of a file, say. By default the image's path. */
  readonly where?: string;
}

// An index of a class; what is larger is a mistake, and a list of so many names would take all memory.
const MAX_CLASSES = 100_000;

/** Sorted by code point, as Python's sorted() does. */
export function sortNames(names: Iterable<string>): string[] {
  const all = [...names];
  // By UTF-16 code unit, which differs where there are surrogates only.
  if (!all.some((name) => /[\ud800-\udfff]/.test(name))) return all.sort();
  return all.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
}

/**
 * Domains and classes in sorted order. Labels that are all integers are indices and stay what they are: into `classes`, or else
 * into "0", "1", ... up to the largest. Other labels are names.
 *
 * @param classes the names of the classes in the order of their labels, where these are told
 */
export function collect(name: string, images: readonly LabelledImage[], classes: readonly string[] | undefined): Reading {
  const problems: DataProblem[] = [];
  const names = classNames(images, classes);
  const index = new Map(names.map((each, i) => [each, i]));
  // Where integers are given, names that look like them are looked for first.
  const integers = images.every(({ label }) => indexOf(label) !== undefined) && !images.every(({ label }) => index.has(String(label)));
  const domains = new Map<string, ImageRecord[]>();
  for (const { image, domain, label, split, where } of images) {
    const number = integers ? indexOf(label)! : index.get(String(label));
    if (number === undefined || number >= names.length) {
      problems.push({ kind: "malformed", path: where ?? image.path, message: `the label ${JSON.stringify(label)} is none of the ${names.length} classes` });
      continue;
    }
    let records = domains.get(domain);
    if (records === undefined) domains.set(domain, (records = []));
    records.push({ image, label: number, ...(split === undefined ? {} : { split }), ...(where === undefined ? {} : { where }) });
  }
  const collection = { name, classes: names, domains: sortNames(domains.keys()).map((each) => ({ name: each, records: domains.get(each)! })) };
  return { collection, problems };
}

function classNames(images: readonly LabelledImage[], classes: readonly string[] | undefined): readonly string[] {
  if (classes !== undefined) return classes;
  const indices = images.map(({ label }) => indexOf(label));
  if (images.length > 0 && indices.every((each) => each !== undefined)) {
    const largest = indices.reduce((most, each) => Math.max(most, each), 0);
    return Array.from({ length: Math.min(largest + 1, MAX_CLASSES) }, (_, i) => String(i));
  }
  return sortNames(new Set(images.map(({ label }) => String(label))));
}

/** The label as an integer from 0, where it is one. */
function indexOf(label: string | number): number | undefined {
  const number = typeof label === "number" ? label : /^(0|[1-9]\d{0,9})$/.test(label) ? Number(label) : NaN;
  return Number.isSafeInteger(number) && number >= 0 ? number : undefined;
}

/** The classes that a domain has no image of. @param path where a domain lies */
export function missingClasses({ classes, domains }: ImageCollection, path: (domain: string) => string): DataProblem[] {
  return domains.flatMap(({ name, records }) => {
    const present = new Set(records.map(({ label }) => label));
    return classes.flatMap((each, label): DataProblem[] =>
      present.has(label) ? [] : [{ kind: "missing-class", path: path(name), message: `domain ${JSON.stringify(name)} has no image of class ${JSON.stringify(each)}` }]);
  });
}

/**
 * The part of the data that is called `split`, with the classes of the whole, and so its labels. Domains that have nothing in
 * this part are left out.
 *
 * @throws DgsamError `ERR_ARGUMENT`; `ERR_DATA` when nothing is in that part, with the parts there are
 */
export function chooseSplit(subject: string, collection: ImageCollection, split: string | undefined): ImageCollection {
  if (split === undefined) return collection;
  checkString(`${subject}: split`, split);
  const domains = collection.domains
    .map(({ name, records }) => ({ name, records: records.filter((record) => record.split === split) }))
    .filter(({ records }) => records.length > 0);
  if (domains.length === 0) {
    const known = sortNames(new Set(collection.domains.flatMap(({ records }) => records.flatMap((record) => record.split ?? []))));
    const parts = known.length === 0 ? "no image says what part it belongs to" : `the parts are ${known.map((each) => JSON.stringify(each)).join(", ")}`;
    throw new DgsamError("ERR_DATA", `${subject}: nothing is in the split ${JSON.stringify(split)}; ${parts}`);
  }
  return { ...collection, domains };
}

/** Throws `ERR_DATA` with everything that is wrong, if anything is; else gives the collection. */
export function sound(subject: string, { collection, problems }: Reading): ImageCollection {
  if (problems.length > 0) throw problemsError(subject, problems.map(describeProblem));
  if (collection.domains.length === 0) throw new DgsamError("ERR_DATA", `${subject}: it holds no image`);
  return collection;
}

/** Throws `ERR_ARGUMENT` unless `classes` is a list of different names, or not given. */
export function checkClasses(name: string, classes: unknown): asserts classes is readonly string[] | undefined {
  if (classes === undefined) return;
  if (Array.isArray(classes) && classes.length > 0 && classes.every((each) => typeof each === "string") && new Set(classes).size === classes.length) return;
  throw new DgsamError("ERR_ARGUMENT", `${name}: classes: expected an array of different names, got ${describeValue(classes)}`);
}
