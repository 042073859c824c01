/** Weight files of any format, told apart by what is in them. */

import { extname } from "node:path";
import { checkBoolean, checkString, isPlainObject, optionsOf } from "../checks.js";
import { argumentError, describeValue, DgsamError, listed } from "../errors.js";
import type { LoadResult, StateDict } from "../nn/index.js";
import { scope, Tensor } from "../tensor/index.js";
import { entryOf } from "./entry.js";
import { bareFormat } from "./formats.js";
import { type InputFile, withInputFile } from "./input-file.js";
import { malformed, quoted } from "./malformed.js";
import { NPY_MAGIC } from "./npy-header.js";
import { readArrays, writeNpz } from "./numpy.js";
import { archiveFolder, isLegacy, readLegacy, readZip } from "./pytorch.js";
import type { PyTorchValue } from "./pytorch-plain.js";
import { prefixBetween } from "./prefix.js";
import { renamed, type KeyMap } from "./rename.js";
import { openSafetensors } from "./safetensors.js";
import { writeSafetensors, type WriteSafetensorsOptions } from "./safetensors-writer.js";
import { isStateDict, tensorsOf } from "./state-dict.js";
import { isZip, openArchive, type ArchiveOptions } from "./zip-reader.js";

export interface LoadWeightsOptions extends ArchiveOptions {
  /** Which entry of a checkpoint of several holds the weights: `"state_dict"`, `"model"`, `"ema.module"`... Default: the only one that is a state dict. */
  entry?: string;
  /** New names for the keys. */
  rename?: KeyMap;
}

/** What {@link loadWeightsInto} needs of a module. */
export interface Loadable {
  loadStateDict(dict: Readonly<StateDict>, options?: { strict?: boolean }): LoadResult;
  /** Where it is there, errors can say by which prefix the keys differ. */
  stateDict?(): StateDict;
}

export interface LoadIntoOptions extends LoadWeightsOptions {
  /** Whether keys that are missing or unexpected are errors; shapes must fit always. Default true. */
  strict?: boolean;
}

const LOAD_OPTIONS = ["entry", "rename", "maxInflatedBytes"] as const;

/**
 * Reads a state dict from a safetensors file, a `.pth`/`.pt` file of `torch.save` or a `.npz` file, whatever its name. Tensors of a
 * safetensors file lie on the file, mapped into memory ({@link SafetensorsFile}); others have memory of their own.
 *
 * @throws DgsamError `ERR_DATA` when the file cannot be read, is of no known format, is damaged, holds no state dict, or asks for
 *   Python code; `ERR_DTYPE` for a dtype that LibTorch lacks; `ERR_ARGUMENT`
 */
export function loadWeights(path: string, options: LoadWeightsOptions = {}): StateDict {
  return load("loadWeights", path, optionsOf("loadWeights", options, LOAD_OPTIONS));
}

function load(name: string, path: string, options: LoadWeightsOptions): StateDict {
  const { entry, rename, maxInflatedBytes } = options;
  if (entry !== undefined) checkString(`${name}: entry`, entry);
  return scope(() => {
    const value = withInputFile(path, (file) => read(name, path, file, entry, maxInflatedBytes === undefined ? {} : { maxInflatedBytes }));
    return renamed(name, stateDictIn(path, value, entry), rename);
  });
}

/** The file's value, or the entry of it that was asked for. */
function read(name: string, path: string, file: InputFile, entry: string | undefined, limits: ArchiveOptions): PyTorchValue {
  if (isZip(file)) {
    const archive = openArchive(name, path, file, limits);
    return archiveFolder(archive) === undefined ? entryOfDict(path, readArrays(path, archive), entry) : readZip(path, archive, entry);
  }
  if (isLegacy(file)) return readLegacy(path, file, entry);
  const head = file.read(0, Math.min(file.length, 9));
  if (head[8] === 0x7b) {
    const opened = openSafetensors(path);
    try {
      return entryOfDict(path, opened.tensors(), entry);
    } finally {
      opened.dispose();
    }
  }
  if (head.subarray(0, 6).equals(NPY_MAGIC)) throw malformed(path, "a .npy file holds one array without a name; use readNpy(path)");
  throw malformed(path, bareFormat(file) ?? "of no format that is known: expected safetensors, a file of torch.save, or .npz");
}

function entryOfDict(path: string, dict: StateDict, entry: string | undefined): PyTorchValue {
  return entry === undefined ? dict : (entryOf(path, dict, entry) as PyTorchValue);
}

/** The state dict of a file's value: the value itself, which is the entry that was asked for, or the only one there is. */
function stateDictIn(path: string, value: PyTorchValue, entry: string | undefined): StateDict {
  if (isStateDict(value)) return value;
  if (entry !== undefined) throw malformed(path, `its entry ${quoted(entry)} is no state dict: ${problemOf(value)}`);
  const fields = isPlainObject(value) ? Object.entries(value) : [];
  const dicts = fields.filter(([, each]) => isStateDict(each)) as [string, StateDict][];
  if (dicts.length === 1) return dicts[0]![1];
  if (isPlainObject(value) && fields.length === 0) return {};
  if (dicts.length > 1) throw malformed(path, `a checkpoint with several state dicts, ${listed(dicts.map(([key]) => quoted(key)))}: choose one by the option entry`);
  throw malformed(path, `it holds no state dict, but ${problemOf(value)}; readPyTorch(path) gives whatever is in it`);
}

function problemOf(value: unknown): string {
  if (!isPlainObject(value)) return describeValue(value);
  const stray = Object.entries(value).find(([, each]) => !(each instanceof Tensor));
  return stray === undefined ? "an empty object" : `an object whose ${quoted(stray[0])} is ${describeValue(stray[1])}`;
}

/**
 * Writes a state dict as safetensors, or as `.npz` where the path ends so. Python reads the first by
 * `safetensors.torch.load_file`, the second by `numpy.load`.
 *
 * @throws DgsamError as {@link writeSafetensors} and {@link writeNpz}; `ERR_ARGUMENT` for a path that ends as other formats do
 */
export function saveWeights(path: string, dict: Readonly<StateDict>, options: WriteSafetensorsOptions = {}): void {
  checkString("saveWeights: path", path);
  const { metadata } = optionsOf("saveWeights", options, ["metadata"]);
  const ending = extname(path).toLowerCase();
  if (ending === ".npz") {
    if (metadata !== undefined) throw new DgsamError("ERR_ARGUMENT", "saveWeights: metadata: a .npz file has no place for it; write safetensors");
    return writeNpz(path, dict);
  }
  if ([".pth", ".pt", ".bin", ".ckpt", ".npy"].includes(ending))
    throw new DgsamError("ERR_ARGUMENT", `saveWeights: expected a path that ends in .safetensors or .npz, got ${JSON.stringify(ending)}: pickles are read, not written; ` +
      "Python reads safetensors by safetensors.torch.load_file(path)");
  writeSafetensors(path, dict, metadata === undefined ? {} : { metadata });
}

/**
 * Loads weights from a file, or a state dict, into a module, converting dtypes and devices.
 *
 * @throws DgsamError as {@link loadWeights}; `ERR_ARGUMENT` listing keys that are missing, unexpected or of another shape, with both
 *   shapes, ten of each kind, and the `rename` by which they would fit if a prefix is all that differs; then nothing was changed
 */
export function loadWeightsInto(module: Loadable, source: string | Readonly<StateDict>, options: LoadIntoOptions = {}): LoadResult {
  if (typeof (Object(module) as Loadable).loadStateDict !== "function") throw argumentError("loadWeightsInto(module, ...): module", "a Module", module);
  const { strict = true, ...loading } = optionsOf<LoadIntoOptions>("loadWeightsInto", options, ["strict", ...LOAD_OPTIONS]);
  checkBoolean("loadWeightsInto: strict", strict);
  return scope(() => {
    if (typeof source !== "string") tensorsOf("loadWeightsInto", source);
    const dict = typeof source === "string" ? load("loadWeightsInto", source, loading) : renamed("loadWeightsInto", source, loading.rename);
    try {
      return module.loadStateDict(dict, { strict });
    } catch (cause) {
      if (!(cause instanceof DgsamError)) throw cause;
      const path = typeof source === "string" ? `${source}: ` : "";
      const hint = loading.rename === undefined && cause.code === "ERR_ARGUMENT" ? prefixHint(module, dict) : "";
      if (path === "" && hint === "") throw cause;
      throw new DgsamError(cause.code, `${path}${cause.message}${hint}`, { cause });
    }
  });
}

/** What to say where a prefix is all that keeps keys from fitting: "" where it is not, or the module does not tell its keys. */
function prefixHint(module: Loadable, dict: Readonly<StateDict>): string {
  if (typeof module.stateDict !== "function") return "";
  const wanted = Object.keys(module.stateDict());
  const found = prefixBetween(Object.keys(dict), wanted);
  if (found === undefined) return "";
  const table = `{ ${JSON.stringify(found.prefix)}: ${JSON.stringify(found.replacement)} }`;
  return `\n  ${found.fitting} of the module's ${wanted.length} keys are there with the option rename: ${table}`;
}
