/** The weight files' public list. */
export { loadWeights, loadWeightsInto, saveWeights, type Loadable, type LoadIntoOptions, type LoadWeightsOptions } from "./weights.js";
export type { KeyMap } from "./rename.js";
export { openSafetensors, SafetensorsFile, type SafetensorsEntry } from "./safetensors.js";
export { writeSafetensors, type WriteSafetensorsOptions } from "./safetensors-writer.js";
export { readPyTorch } from "./pytorch.js";
export type { PyTorchValue } from "./pytorch-plain.js";
export { readNpy, readNpz, writeNpy, writeNpz } from "./numpy.js";
export type { ArchiveOptions } from "./zip-reader.js";
