/**
 * Images in tar archives, one or many ("shards"): as WebDataset names them (key.jpg beside key.cls or key.json), or in DomainBed's
 * layout DOMAIN/CLASS/image. https://github.com/webdataset/webdataset
 */

import path from "node:path";
import { collect, type LabelledImage, type Reading } from "./collection.js";
import type { EncodedImage } from "./encoded-image.js";
import { ContainerFile, isHiddenName, isImageName } from "./file-image.js";
import type { DataProblem } from "./problems.js";
import { readShards, type ReadingOptions } from "./shards.js";
import { tarEntries, type TarEntry } from "./tar-entries.js";

export interface TarOptions {
  /** The names of the classes in the order of their integers, where labels are integers. Default: "0", "1", ... */
  classes?: readonly string[];
}

class TarImage implements EncodedImage {
  readonly path: string;

  constructor(readonly file: ContainerFile, readonly containerIdentity: string, readonly entry: TarEntry) {
    this.path = `${file.path}#${entry.name}`;
  }

  get identity(): string {
    return `${this.containerIdentity}|${this.entry.start}|${this.entry.size}`;
  }

  read(): Promise<Uint8Array> {
    return this.file.read(this.entry.start, this.entry.start + this.entry.size);
  }
}

/**
 * Reads through the archives once, for names, places and labels; images are read from their places when they are asked for.
 *
 * @throws DgsamError `ERR_DATA` when an archive (by the policy "report": all of them) cannot be read, is compressed or not sound; the signal's reason
 */
export async function readTar(files: readonly string[], { classes }: TarOptions = {}, reading: ReadingOptions = {}): Promise<Reading> {
  const problems: DataProblem[] = [];
  const archives = await readShards(files, reading, problems, async (name) => {
    const file = new ContainerFile(name);
    const found = await tarEntries(file, (entry) => isAnnotation(entry) && !isHidden(entry), reading.signal);
    problems.push(...found.problems);
    return { file, entries: lastOfEachName(file, found.entries.filter((entry) => !isHidden(entry.name)), problems) };
  });
  const isWebDataset = archives.some(({ entries }) => entries.some(({ name }) => LABELS.test(extensionOf(name))));
  const prefix = isWebDataset ? 0 : sharedFolder(archives.flatMap(({ entries }) => entries.filter(({ name }) => isImageName(name)).map(({ name }) => name)));
  const images = isWebDataset
    ? withDomains(files[0]!, archives.flatMap(({ file, entries }) => samples(file, entries, problems)), problems)
    : archives.flatMap(({ file, entries }) => laidOut(file, entries, prefix, problems));
  const { collection, problems: more } = collect(path.basename(files[0]!, path.extname(files[0]!)), images, classes);
  return { collection, problems: [...problems, ...more] };
}

const LABELS = /^(cls|json)$/;

/** WebDataset's: all after the first dot of the file's own name. */
function extensionOf(name: string): string {
  const base = path.posix.basename(name);
  const dot = base.indexOf(".");
  return dot === -1 ? "" : base.slice(dot + 1).toLowerCase();
}

function isAnnotation(name: string): boolean {
  return /^(cls|json|txt|domain|domain\.txt)$/.test(extensionOf(name));
}

function isHidden(name: string): boolean {
  return name.split("/").some(isHiddenName);
}

/** As tar leaves them when it unpacks: of entries with one name, as `tar -r` and `tar -u` add them, the last, at the place of the first, so that an image that was renewed stays in its split. */
function lastOfEachName(file: ContainerFile, entries: readonly TarEntry[], problems: DataProblem[]): TarEntry[] {
  const last = new Map<string, TarEntry>();
  const times = new Map<string, number>();
  for (const entry of entries) {
    last.set(entry.name, entry);
    times.set(entry.name, (times.get(entry.name) ?? 0) + 1);
  }
  for (const [name, count] of times) {
    if (count > 1) problems.push({ kind: "duplicate", path: `${file.path}#${name}`, message: `is there ${count} times under this name; the last is taken, as tar does when it unpacks` });
  }
  return [...last.values()];
}

/** 1 when all images lie in one folder of folders of folders, as tar makes it of a data set's folder; else 0. */
function sharedFolder(names: readonly string[]): 0 | 1 {
  const parts = names.map((name) => name.split("/"));
  return parts.length > 0 && parts.every((each) => each.length >= 4 && each[0] === parts[0]![0]) ? 1 : 0;
}

function laidOut(file: ContainerFile, entries: readonly TarEntry[], prefix: number, problems: DataProblem[]): LabelledImage[] {
  const { identity } = file;
  const images: LabelledImage[] = [];
  for (const entry of entries) {
    const [domain, label, ...rest] = entry.name.split("/").slice(prefix);
    const report = (message: string): void => void problems.push({ kind: "not-an-image", path: `${file.path}#${entry.name}`, message });
    if (domain === undefined || label === undefined || rest.length === 0) {
      if (isImageName(entry.name)) report("lies in no class folder; expected DOMAIN/CLASS/image, or a .cls or .json file beside each image");
    } else if (isImageName(entry.name)) images.push({ image: new TarImage(file, identity, entry), domain, label });
    else report("is no image by its name");
  }
  return images;
}

interface Sample {
  image?: TarEntry;
  readonly texts: Map<string, string>;
}

/** An image of a sample, whose domain is told, or else the text beside it. */
type SampleImage = Omit<LabelledImage, "domain"> & ({ readonly domain: string } | { readonly text: string });

const HOW_TO_NAME = 'expected "domain" in a .json file, a .domain file, or a folder in its name (photo/0001.jpg)';

/**
 * Texts are domains where each comes twice or more often, on an average; else they are captions, as most sets have them, and one that names its domain nowhere is
 * told of once for all.
 */
function withDomains(file: string, images: readonly SampleImage[], problems: DataProblem[]): LabelledImage[] {
  const texts = images.flatMap((each) => ("text" in each ? [each.text] : []));
  const different = new Set(texts).size;
  const areDomains = 2 * different <= texts.length && texts.every((text) => plain(text) !== undefined);
  if (!areDomains) {
    const message = `${texts.length} images have no domain but a .txt, with ${different} different texts, which are captions by their number or length; ${HOW_TO_NAME}`;
    problems.push({ kind: "malformed", path: file, message });
  }
  return images.flatMap((each): LabelledImage[] => {
    if ("domain" in each) return [each];
    const { text, ...image } = each;
    return areDomains ? [{ ...image, domain: text }] : [];
  });
}

/** Samples of one archive: files that share the name up to its first dot. */
function samples(file: ContainerFile, entries: readonly TarEntry[], problems: DataProblem[]): SampleImage[] {
  const { identity } = file;
  const found = new Map<string, Sample>();
  for (const entry of entries) {
    const extension = extensionOf(entry.name);
    const isImage = isImageName(`.${extension}`);
    if (!isImage && entry.text === undefined) continue;
    const key = entry.name.slice(0, entry.name.length - extension.length - 1);
    let sample = found.get(key);
    if (sample === undefined) found.set(key, (sample = { texts: new Map() }));
    if (isImage && sample.image !== undefined) problems.push({ kind: "malformed", path: `${file.path}#${entry.name}`, message: `is a second image of the sample ${key}` });
    if (isImage) sample.image = entry;
    else sample.texts.set(extension, entry.text!);
  }
  return [...found].flatMap(([key, { image, texts }]) => {
    const where = `${file.path}#${key}`;
    const report = (message: string): [] => {
      problems.push({ kind: "malformed", path: where, message });
      return [];
    };
    if (image === undefined) return report(`has ${[...texts.keys()].map((each) => `.${each}`).join(" and ")}, but no image`);
    const json = parseObject(texts.get("json"));
    if (json === undefined) return report("its .json is no JSON object");
    const label = plain(json["label"] ?? json["class"] ?? texts.get("cls"));
    if (label === undefined) return report("has no label; expected a .cls file, or \"label\" in a .json file");
    const domain = plain(json["domain"] ?? texts.get("domain") ?? texts.get("domain.txt") ?? folderOf(key));
    const text = texts.get("txt")?.trim() ?? "";
    if (domain === undefined && text === "") return report(`has no domain; ${HOW_TO_NAME}`);
    const split = plain(json["split"]);
    return [{ image: new TarImage(file, identity, image), label, where, ...(domain === undefined ? { text } : { domain: String(domain) }), ...(split === undefined ? {} : { split: String(split) }) }];
  });
}

function folderOf(key: string): string | undefined {
  const folder = path.posix.dirname(key);
  return folder === "." ? undefined : folder;
}

function parseObject(text: string | undefined): Record<string, unknown> | undefined {
  if (text === undefined) return {};
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

/** A number, or one line of text. */
function plain(value: unknown): string | number | undefined {
  if (typeof value === "number") return value;
  const text = typeof value === "string" ? value.trim() : "";
  return text === "" || text.length > 200 || text.includes("\n") ? undefined : text;
}
