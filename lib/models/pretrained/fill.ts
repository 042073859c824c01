/** From a weight file into a network: names, shapes, and what depends on the images and classes that a network is for. */

import { basename } from "node:path";
import { DgsamError } from "../../errors.js";
import type { StateDict } from "../../nn/index.js";
import { tensor, type Tensor } from "../../tensor/index.js";
import { dataWarning } from "../../warnings.js";
import { loadWeights, loadWeightsInto, type KeyMap } from "../../weights/index.js";
import { renamed } from "../../weights/rename.js";
import type { Backbone } from "../backbone.js";
import type { ConvPadding } from "../padding.js";
import { resizedPositions } from "../position-embedding.js";
import { ResNet } from "../resnet.js";
import { VisionTransformer } from "../vision-transformer.js";
import { keyMap, sourceOf, type PretrainedSource } from "./key-maps.js";
import { fitTimm } from "./timm.js";

const POSITIONS = "encoder.pos_embedding";
const FIRST_CONV = "conv1.weight";

/** Of `loadPretrained`. */
export interface FillOptions {
  numClasses?: number;
  padding?: ConvPadding;
  entry?: string;
  rename?: KeyMap;
  source?: PretrainedSource;
}

/**
 * Loads a file into the network of this name; to be called in a scope.
 *
 * @throws DgsamError as `loadPretrained`
 */
export function fill(name: string, path: string, model: Backbone, { numClasses, padding, entry, rename, source }: FillOptions): void {
  const file = loadWeights(path, entry === undefined ? {} : { entry });
  const keys = Object.keys(file);
  const own = model.stateDict();
  const from = source ?? sourceOf(keys);
  const named = renamed("loadPretrained", file, rename ?? keyMap(name, from, keys));
  const dict: StateDict = {};
  const head = headOf(model);
  const otherClasses = Object.keys(named).find((key) => key.startsWith(head) && own[key] !== undefined && named[key]!.shape[0] !== own[key]!.shape[0]);
  const isOtherHead = otherClasses !== undefined;
  for (const [key, each] of Object.entries(named)) if (!(isOtherHead && key.startsWith(head))) dict[key] = fitted(each, own[key]);
  if (isOtherHead) for (const [key, each] of Object.entries(own)) if (key.startsWith(head)) dict[key] = each;
  if (model instanceof VisionTransformer && dict[POSITIONS] !== undefined) dict[POSITIONS] = resizedPositions(dict[POSITIONS], model.imageSize / model.patchSize);
  if (model instanceof ResNet && dict[FIRST_CONV] !== undefined) dict[FIRST_CONV] = forChannels(dict[FIRST_CONV], own[FIRST_CONV]!.shape[1]!);
  try {
    loadWeightsInto(model, dict);
  } catch (cause) {
    if (!(cause instanceof DgsamError)) throw cause;
    throw new DgsamError(cause.code, `loadPretrained("${name}"): ${basename(path)}: ${cause.message}`, { cause });
  }
  if (from === "timm") fitTimm(name, basename(path), model, padding);
  if (otherClasses !== undefined && numClasses === undefined) {
    const [theirs, ours] = [named, own].map((state) => state[otherClasses]!.shape[0]);
    dataWarning(`loadPretrained("${name}"): ${basename(path)}: its last layer, for ${theirs} classes, was left out, and the network's, for ${ours}, is untrained: ` +
      `numClasses: ${theirs} loads it, numClasses: ${ours} says that a new one is wanted`);
  }
}

/** What the keys of the last layer begin with. It belongs to the classes that a network was trained for. */
function headOf(model: Backbone): string {
  const [name] = [...model.namedModules()].find(([, module]) => module === model.head)!;
  return `${name}.`;
}

/** The tensor in the shape that is wanted, where only dimensions of size 1 are more or fewer. */
function fitted(tensor: Tensor, wanted: Tensor | undefined): Tensor {
  if (wanted === undefined) return tensor;
  const [own, other] = [tensor, wanted].map(({ shape }) => shape.filter((size) => size !== 1).join());
  return own === other && tensor.shape.join() !== wanted.shape.join() ? tensor.reshape(wanted.shape) : tensor;
}

/** A first convolution for red, green and blue, made to fit other channels by taking these in turn, as DomainBed's ResNet does; unscaled, as there. */
function forChannels(weight: Tensor, channels: number): Tensor {
  if (channels === 3 || weight.shape.length !== 4 || weight.shape[1] !== 3) return weight;
  const places = Array.from({ length: channels }, (_, i) => BigInt(i % 3));
  return weight.indexSelect(1, tensor(places, { device: weight.device }));
}
