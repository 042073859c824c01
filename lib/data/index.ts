export { coloredMnist, type ColoredMnistOptions } from "./colored-mnist.js";
export {
  type Batch, type BatchOptions, type Domain, type DomainDataset, type Item, leaveOneDomainOut, type LeaveOneDomainOut,
} from "./dataset.js";
export { type Digits, type DigitsOptions, loadDigits } from "./digits.js";
export { type IdxImages, readIdxImages, readIdxLabels, readIdxPair } from "./idx.js";
export * from "./images/augment/index.js";
export type { DecodedImage, Orientation } from "./images/decode.js";
export { decodeImage, type Crop, type DecodeOptions } from "./images/resized.js";
export type { EncodedImage, ImageCollection, ImageRecord } from "./images/encoded-image.js";
export { imageDataset, type ImageDataset, type PrepareOptions, type PrepareProgress } from "./images/image-dataset.js";
export { ImageDomain, type SkippedImage } from "./images/image-domain.js";
export type { Augment, ImageOptions } from "./images/image-options.js";
export { batches, Loader, type LoaderOptions } from "./in-order.js";
export { checkData, type CheckDataOptions, type DataReport } from "./images/check-data.js";
export type { ManifestOptions } from "./images/manifest.js";
export type { ParquetOptions } from "./images/parquet.js";
export type { DataProblem, DataProblemKind } from "./images/problems.js";
export {
  domainFolder, domainManifest, domainNet, domainParquet, domainTar, officeHome, pacs, terraIncognita, vlcs,
  type PartialChoice, type SourceDataset, type SplitChoice,
} from "./images/sources.js";
export type { TarOptions } from "./images/tar.js";
export { InMemoryDomain, type InMemoryDomainOptions } from "./in-memory-domain.js";
export {
  DomainLoader, type DomainLoaderOptions, type DomainLoaderState, type Minibatch,
} from "./loader.js";
export { RandomState, seedHash, type SeedPart, type Shuffleable } from "./random.js";
export { rotatedMnist } from "./rotated-mnist.js";
export { rotateImages } from "./rotate.js";
export { DomainSampler, type SamplerOptions, type Sampling } from "./sampler.js";
export { type DatasetSplit, splitDataset, splitIndices, type SplitOptions } from "./split.js";
export { Subset } from "./subset.js";
