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

/** A label as a source says it: a name, or an index, which may be written as text. */
type Label = string | number;

/** An image that has its label yet as the source says it. */
export interface LabelledImage {
  readonly image: EncodedImage;
  readonly domain: string;
  readonly label: Label;
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
 * Domains and classes in sorted order. Labels that are all whole numbers are indices and stay what they are: into `classes`, or else
 * into "0", "1", ... up to the largest; a negative one is a problem. Other labels are names.
 *
 * @param classes the names of the classes in the order of their labels, where these are told
 */
export function collect(name: string, images: readonly LabelledImage[], classes: readonly string[] | undefined): Reading {
  const problems: DataProblem[] = [];
  const { names, indices } = numberLabels(images.map(({ label }) => label), classes);
  const domains = new Map<string, ImageRecord[]>();
  for (const [i, { image, domain, split, where }] of images.entries()) {
    const label = indices[i]!;
    if (typeof label === "string") {
      problems.push({ kind: "malformed", path: where ?? image.path, message: label });
      continue;
    }
    let records = domains.get(domain);
    if (records === undefined) domains.set(domain, (records = []));
    records.push({ image, label, ...(split === undefined ? {} : { split }), ...(where === undefined ? {} : { where }) });
  }
  const collection = { name, classes: names, domains: sortNames(domains.keys()).map((each) => ({ name: each, records: domains.get(each)! })) };
  return { collection, problems };
}

/** The names of the classes, and for each label its index among them, or in words why it has none. */
function numberLabels(labels: readonly Label[], classes: readonly string[] | undefined): { names: readonly string[]; indices: readonly (number | string)[] } {
  const wholes = labels.flatMap((label) => wholeOf(label) ?? []);
  const areWhole = labels.length > 0 && wholes.length === labels.length;
  const names = classes ?? (areWhole ? numerals(wholes) : sortNames(new Set(labels.map(String))));
  const index = new Map(names.map((each, i) => [each, i]));
  const areNames = (each: readonly Label[]): boolean => each.every((label) => index.has(String(label)));
  const unknown = (label: Label): string => `the label ${JSON.stringify(label)} is none of the ${names.length} classes`;
  // Where numbers are given, classes that are called so are looked for first.
  const called = !areWhole || areNames(labels) ? labels : areNames(wholes) ? wholes : undefined;
  if (called !== undefined) return { names, indices: called.map((label) => index.get(String(label)) ?? unknown(label)) };
  return { names, indices: wholes.map((whole, i) => (whole < 0 ? notAnIndex(whole) : whole < names.length ? whole : unknown(labels[i]!))) };
}

/** "0", "1", ... up to the largest of the numbers. */
function numerals(numbers: readonly number[]): string[] {
  const largest = numbers.reduce((most, each) => Math.max(most, each), -1);
  return Array.from({ length: Math.min(largest + 1, MAX_CLASSES) }, (_, i) => String(i));
}

// As programs write them: pandas makes "2.0" of integers where one is missing. Leading zeros are parts of names.
const WHOLE = /^[+-]?(0|[1-9]\d{0,9})(\.0*)?$/;

/** The label as a whole number, where it is one. */
function wholeOf(label: Label): number | undefined {
  const number = typeof label === "number" ? label : WHOLE.test(label) ? Number(label) : NaN;
  // Of "-0" the sign is lost.
  return Number.isSafeInteger(number) ? number + 0 : undefined;
}

function notAnIndex(label: number): string {
  return `the label ${label} is no index, since these begin at 0; leave out images that have no label, or give classes that name each label`;
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
